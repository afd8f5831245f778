// Loaded after require.js and before the widget manager (embed-amd.js), on pages with widgets.
(function () {
  "use strict";
  const vendored = new URL("../vendor/widgets/", document.currentScript.src).href;
  // The manager asks for modules by these names; without them they come from a CDN.
  requirejs.config({
    paths: {
      "@jupyter-widgets/html-manager/dist": vendored.slice(0, -1),
      anywidget: `${vendored}anywidget`,
    },
  });

  // Widgets with math in a label call MathJax 2; the pages load MathJax 3.
  function offerMathJax2() {
    const mathjax = (window.MathJax = window.MathJax || {});
    mathjax.Hub = mathjax.Hub || {
      Queue(call) {
        const element = call && call[2];
        if (element && mathjax.typesetPromise) mathjax.typesetPromise([element]);
      },
      Config() {},
      Configured() {},
    };
  }

  // An Image widget has no alternative text, and fails to draw when it has a tooltip but no
  // description. So a chapter describes its frames in Stack(images, titles=[...]), which is
  // harmless in a notebook; here each title becomes its image's tooltip, and book.js makes
  // that the alternative text.
  function describeFrames(states) {
    for (const { model_name: kind, state } of Object.values(states)) {
      if (kind !== "StackModel") continue;
      state.children.forEach((reference, index) => {
        const child = states[reference.replace("IPY_MODEL_", "")];
        if (!child || child.model_name !== "ImageModel") return;
        child.state.tooltip = state.titles[index] || null;
        child.state.description = "";
      });
    }
  }

  // The manager reads the states when the page has loaded, which is after this event.
  document.addEventListener("DOMContentLoaded", () => {
    offerMathJax2();
    const scripts = 'script[type="application/vnd.jupyter.widget-state+json"]';
    for (const script of document.querySelectorAll(scripts)) {
      const saved = JSON.parse(script.textContent);
      describeFrames(saved.state);
      script.textContent = JSON.stringify(saved);
    }
  });
})();
