// What the theme and the widgets leave out for readers with a keyboard or a screen reader.
(function () {
  "use strict";

  // An Image widget's only text is its tooltip (see widgets/config.js).
  function describeImages() {
    for (const image of document.querySelectorAll("img.widget-image")) {
      if (image.title) setAttribute(image, "alt", image.title);
    }
  }

  // A slider's handle carries role="slider" but no name; its description is a label beside it.
  function nameSliders() {
    for (const slider of document.querySelectorAll(".widget-slider")) {
      const label = slider.querySelector(".widget-label");
      const readout = slider.querySelector(".widget-readout");
      const name = (label && label.textContent.trim()) || "Slider";
      for (const handle of slider.querySelectorAll('[role="slider"]')) {
        setAttribute(handle, "aria-label", name);
        if (readout) setAttribute(handle, "aria-valuetext", readout.textContent.trim());
      }
      if (readout) {
        setAttribute(readout, "role", "textbox"); // it can be typed into
        setAttribute(readout, "aria-label", `${name}, value`);
      }
    }
  }

  // Writing an equal value would wake the observer below for ever.
  function setAttribute(element, name, value) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }

  // What scrolls sideways on a narrow screen must be reachable with the keyboard.
  const SCROLLERS = [
    "pre", "mjx-container[display]", ".pst-scrollable-table-container", ".cell_output .output",
    ".widget-box",
  ].map((selector) => `article ${selector}`).join();

  function reachScrollers() {
    for (const element of document.querySelectorAll(SCROLLERS)) {
      makeReachable(element, element.scrollWidth > element.clientWidth);
    }
    // The theme cuts off a formula in the text that is wider than the page.
    for (const math of document.querySelectorAll("article span.math")) {
      const drawn = math.querySelector("mjx-container");
      const isWide = Boolean(drawn) && drawn.offsetWidth > math.clientWidth + 1;
      math.classList.toggle("too-wide", isWide);
      makeReachable(math, isWide);
    }
  }

  function makeReachable(element, reachable) {
    if (reachable) element.tabIndex = 0;
    else if (element.getAttribute("tabindex") === "0") element.removeAttribute("tabindex");
  }

  // Browsers break the line between a formula and the comma after it.
  function keepPunctuation() {
    for (const math of document.querySelectorAll("article span.math")) {
      const before = cutOut(math.previousSibling, /[^\s\w]+$/);
      const after = cutOut(math.nextSibling, /^[^\s\w]+/);
      if (!before && !after) continue;
      const together = document.createElement("span");
      together.style.whiteSpace = "nowrap";
      math.replaceWith(together);
      together.append(before, math, after);
    }
  }

  function cutOut(node, pattern) {
    const found = node && node.nodeType === Node.TEXT_NODE && node.data.match(pattern);
    if (!found) return "";
    node.data = node.data.replace(pattern, "");
    return found[0];
  }

  // Sphinx writes margin notes as <aside>, a landmark, inside the main landmark; and literature as
  // a list whose children are no list's, in a role that is no longer used.
  function correctRoles() {
    for (const aside of document.querySelectorAll("article aside")) aside.setAttribute("role", "note");
    for (const list of document.querySelectorAll(".citation-list")) list.removeAttribute("role");
    for (const entry of document.querySelectorAll(".citation[role]")) entry.removeAttribute("role");
    // The theme's logo lies in no landmark.
    const sidebar = document.querySelector(".bd-sidebar-primary");
    if (sidebar) {
      sidebar.setAttribute("role", "region");
      sidebar.setAttribute("aria-label", "The book");
    }
  }

  // A heading of a column that is a formula and nothing else has no text once it is drawn.
  function nameColumns() {
    for (const heading of document.querySelectorAll("article th")) {
      const math = heading.querySelector(".math");
      if (!math || heading.textContent.trim() !== math.textContent.trim()) continue;
      const name = document.createElement("span");
      name.className = "visually-hidden";
      name.textContent = math.textContent.replace(/\\[()]/g, "").trim();
      heading.append(name);
    }
  }

  function improveWidgets() {
    describeImages();
    nameSliders();
  }

  document.addEventListener("DOMContentLoaded", () => {
    nameColumns(); // before the formulas are drawn
    keepPunctuation();
  });
  window.addEventListener("load", () => {
    correctRoles();
    improveWidgets();
    reachScrollers();
    window.addEventListener("resize", reachScrollers);
    document.fonts.addEventListener("loadingdone", reachScrollers); // formulas grow with theirs
    if (window.MathJax && MathJax.startup && MathJax.startup.promise) {
      MathJax.startup.promise.then(reachScrollers);
    }
    const article = document.querySelector("article");
    if (!article || !article.querySelector('script[type*="jupyter.widget"]')) return;
    // Widgets are drawn some time after the page has loaded, and redraw when they move.
    new MutationObserver(improveWidgets).observe(article, {
      childList: true, subtree: true, characterData: true,
      attributes: true, attributeFilter: ["title", "aria-valuenow"],
    });
  });
})();
