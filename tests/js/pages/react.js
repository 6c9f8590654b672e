const { createElement: h, useState } = React;

window.complaints = [];

function App() {
  const [clicks, count] = useState(0);
  return h(
    "main",
    null,
    h("p", { id: "count" }, clicks, " sales@company.com ", "clicks"),
    h("p", { id: "single" }, `Write to sales@company.com, visitor ${clicks}`),
    h("a", { id: "mail", href: `mailto:sales@company.com?subject=${clicks}` }, "Write"),
    clicks % 2 ? h("p", null, "odd: sales@company.com") : "even: sales@company.com",
    h("button", { onClick: () => count(clicks + 1) }, "Count"),
  );
}

const app = document.querySelector("#app");
app.innerHTML = ReactDOMServer.renderToString(h(App));
window.root = ReactDOM.hydrateRoot(app, h(App), {
  onRecoverableError: (error) => complaints.push(String(error)),
});
