"""The other libraries as contestants, each as its users would write the task well."""
