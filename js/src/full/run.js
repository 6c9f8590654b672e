/**
 * Text that reads as one word though it stands in several nodes: `sales<wbr>@<b>company</b>.com`. Nodes belong
 * together where nothing but inline elements and comments begins between them and no blank touches the border.
 */
const INLINE = /^([bisu]|em|strong|span|font|small|mark|code|wbr|bd[io]|tspan)$/i;

export const isInline = (node) => INLINE.test(node?.nodeName);

/** The text nodes that belong to `node`, itself among them, in order; `read(node)` is a node's original text. */
export function runOf(node, read) {
  const run = [node];
  const walker = document.createTreeWalker(node.getRootNode(), 5); // elements and text
  const grow = (step, put, edge, otherEdge) => {
    let last = (walker.currentNode = node);
    for (let next; !edge.test(read(last)) && (next = walker[step]()); ) {
      if (next.nodeType !== 3) {
        if (!isInline(next)) break;
      } else {
        if (otherEdge.test(read(next))) break;
        run[put]((last = next));
      }
    }
  };
  grow("previousNode", "unshift", /^\s/, /\s$/);
  grow("nextNode", "push", /\s$/, /^\s/);
  return run;
}
