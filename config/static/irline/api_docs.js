"use strict";

const docs = document.getElementById("docs");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const followSystem = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followSystem);
followSystem();

// Requests carry the reader's session, so those that change something need its CSRF token.
const withCsrfToken = (request) => {
  const here = new URL(request.url, document.baseURI).origin === location.origin;
  if (here && request.method && request.method !== "GET") {
    request.headers["X-CSRFToken"] = docs.dataset.csrfToken;
  }
  return request;
};

SwaggerUIBundle({
  url: docs.dataset.description,
  domNode: docs,
  deepLinking: true,
  // Open, it would stop after the first few of so many operations; closed, the page is a table of contents.
  docExpansion: "none",
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  requestInterceptor: withCsrfToken,
});
