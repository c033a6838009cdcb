/* Elements, made and found in short. */

export const element = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/* As many children as there are items: the old ones stay, so that focus and pointer do not lose them. */
export function renderList(list, items, create, update) {
  while (list.children.length > items.length) list.lastElementChild.remove();
  while (list.children.length < items.length) list.append(create(list.children.length));
  items.forEach((item, i) => update(list.children[i], item, i));
}

export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // a browser gives the clipboard only to https and localhost
    getSelection().selectAllChildren(from);
    document.execCommand("copy");
  }
}
