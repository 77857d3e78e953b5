// 页面的零件:写出来的都是文字,从不是标签
type Child = Node | string | null | false | undefined;
type Given = Record<string, string | boolean | ((e: Event) => void)>;

/** Makes an element; what begins with `on` hears. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, given: Given = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((c): c is Node | string => Boolean(c)));
  return made;
}

export const button = (label: string, pressed: () => void, primary = false): HTMLButtonElement =>
  el("button", { type: "button", class: primary ? "btn btn-primary" : "btn", onclick: pressed }, label);

/** A choice of one, as a thumb finds it. */
export function choice(name: string, legend: string, all: [string, string][], chosen: string, required = false): HTMLElement {
  const one = ([code, label]: [string, string]) =>
    el("label", { class: "check" }, el("input", { type: "radio", name, value: code, checked: code === chosen, required }), ` ${label}`);
  return el("fieldset", {}, el("legend", {}, legend), ...all.map(one));
}

export const field = (label: string, input: HTMLElement): HTMLElement => el("label", {}, `${label} `, input);

/** When something was, as people say it. */
export const when = (ms: number): string => {
  const d = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${d.getMonth() + 1} 月 ${d.getDate()} 日 ${two(d.getHours())}:${two(d.getMinutes())}`;
};

/** Today by the phone's clock. */
export const today = (): string => {
  const d = new Date();
  const two = (n: number) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
};
