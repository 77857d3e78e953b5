// What must run in the browser: everything works without it, only less comfortably.
import htmx from "htmx.org";
import { dropKept } from "./offline/people";
import { smaller } from "./page/photo";
import { pad } from "./page/signature";

declare global {
  interface Window { htmx: typeof htmx }
}
window.htmx = htmx;
// the page's policy allows no inline style
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;

const one = <T extends Element>(selector: string, root: ParentNode = document) => root.querySelector<T>(selector);
const all = <T extends Element>(selector: string, root: ParentNode = document) => Array.from(root.querySelectorAll<T>(selector));

// 明暗
const kept = localStorage.getItem("theme");
if (kept) document.documentElement.dataset.theme = kept;
document.addEventListener("click", (e) => {
  const target = (e.target as Element).closest<HTMLElement>("[data-theme-toggle],[data-print],[data-close-panel],[data-panel],[data-check-all]");
  if (!target) return;
  if (target.dataset.themeToggle !== undefined) {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  }
  if (target.dataset.print !== undefined) print();
  if (target.dataset.closePanel !== undefined) closePanel();
  if (target.dataset.panel && innerWidth >= 992 && !(e as MouseEvent).ctrlKey && !(e as MouseEvent).metaKey) {
    e.preventDefault();
    openPanel(target.dataset.panel, target);
  }
  if (target.dataset.checkAll !== undefined) {
    const on = (target as HTMLInputElement).checked;
    all<HTMLInputElement>("[data-pick]").forEach((c) => (c.checked = on));
  }
});

// 侧栏:看一眼,不离开名单
let opener: HTMLElement | null = null;
async function openPanel(url: string, from: HTMLElement) {
  const panel = one<HTMLElement>("#panel");
  if (!panel) return;
  const answer = await fetch(url, { headers: { "hx-request": "true" } });
  if (!answer.ok) {
    location.href = from.getAttribute("href") ?? "/";
    return;
  }
  panel.innerHTML = await answer.text();
  // 上一个、下一个:同一名单里的
  const others = all<HTMLElement>("main [data-panel]");
  const here = others.indexOf(from);
  const step = (label: string, to: HTMLElement | undefined) => {
    const button = document.createElement("button");
    button.className = "btn";
    button.type = "button";
    button.textContent = label;
    button.disabled = !to;
    button.addEventListener("click", () => to && void openPanel(to.dataset.panel!, to));
    return button;
  };
  const steps = document.createElement("p");
  steps.className = "actions";
  steps.append(step("上一个", others[here - 1]), step("下一个", others[here + 1]));
  one(".panel-head", panel)?.after(steps);
  all("tr.chosen").forEach((row) => row.classList.remove("chosen"));
  from.closest("tr")?.classList.add("chosen");
  panel.hidden = false;
  opener = from;
  panel.focus();
}
function closePanel() {
  const panel = one<HTMLElement>("#panel");
  if (panel) panel.hidden = true;
  opener?.focus();
}
document.addEventListener("keydown", (e) => {
  if (e.key === "Escape") closePanel();
});

// 手机里还有没上传的记录:每一页都看得见
const unsent = Number(localStorage.getItem("offline-waiting") ?? 0);
if (unsent > 0) {
  const link = document.createElement("a");
  link.href = "/offline";
  link.className = "tag v-explained";
  link.textContent = `${unsent} 条待上传`;
  one(".who")?.prepend(link);
}

// 选列:这台电脑上记住
for (const table of all<HTMLTableElement>("table[data-columns]")) {
  const name = `columns-${table.dataset.columns}`;
  const heads = all<HTMLTableCellElement>("thead th", table);
  const labels = heads.map((h) => h.textContent?.replace("▾", "").trim() ?? "");
  let hidden: string[] = [];
  try {
    hidden = JSON.parse(localStorage.getItem(name) ?? "[]");
  } catch { /* what cannot be read is nothing chosen */ }
  const show = () => all<HTMLTableRowElement>("tr", table).forEach((row) =>
    Array.from(row.cells).forEach((cell, i) => (cell.hidden = hidden.includes(labels[i]))));
  const box = document.createElement("details");
  box.className = "drop-down columns no-print";
  box.innerHTML = '<summary class="btn">选列</summary><form></form>';
  const form = one("form", box)!;
  // the first column with a name says who it is
  labels.filter(Boolean).slice(1).forEach((label) => {
    const choice = document.createElement("label");
    const tick = document.createElement("input");
    choice.className = "check";
    tick.type = "checkbox";
    tick.checked = !hidden.includes(label);
    tick.addEventListener("change", () => {
      hidden = tick.checked ? hidden.filter((h) => h !== label) : [...hidden, label];
      localStorage.setItem(name, JSON.stringify(hidden));
      show();
    });
    choice.append(tick, ` ${label}`);
    form.append(choice);
  });
  const place = one(".list-head .actions") ?? one(".list-head");
  place?.append(box);
  show();
}

// 选地方:点了建议就填上
document.addEventListener("click", (e) => {
  const pick = (e.target as Element).closest<HTMLElement>("[data-suggest]");
  const field = pick?.closest<HTMLElement>("[data-place-field]");
  if (!pick || !field) return;
  one<HTMLInputElement>("input[name=place]", field)!.value = pick.textContent ?? "";
  one<HTMLInputElement>("input[type=hidden]", field)!.value = pick.dataset.suggest ?? "";
  one<HTMLElement>(".found", field)!.replaceChildren();
});
document.addEventListener("input", (e) => {
  const field = (e.target as Element).closest<HTMLElement>("[data-place-field]");
  const picked = field && one<HTMLInputElement>("input[type=hidden]", field);
  if (picked && e.target !== picked) picked.value = "";
});

// which button sent a form: browsers of 2019 do not say
let lastPressed: HTMLButtonElement | null = null;
document.addEventListener("click", (e) => {
  lastPressed = (e.target as Element).closest<HTMLButtonElement>("button") ?? lastPressed;
}, true);

// 先问一句
document.addEventListener("submit", (e) => {
  const form = e.target as HTMLFormElement;
  const button = (e as SubmitEvent).submitter as HTMLElement | null ?? (lastPressed?.form === form ? lastPressed : null);
  const ask = button?.dataset.confirm ?? form.dataset.confirm;
  if (ask && !confirm(ask)) {
    e.preventDefault();
    return;
  }
  if (form.dataset.collect) {
    const ids = all<HTMLInputElement>("[data-pick]:checked").map((c) => c.value).join(",");
    const field = one<HTMLInputElement>("input[name=ids]", form);
    if (field) field.value = ids;
    if (!ids && button?.getAttribute("name") !== "all") {
      e.preventDefault();
      alert("请先勾选要交办的儿童");
      return;
    }
  }
  if (form.method === "post" && !form.hasAttribute("hx-post") && form.dataset.drop === undefined) {
    // a second click does nothing
    setTimeout(() => lock(form, true));
    addEventListener("pageshow", () => lock(form, false), { once: true });
    // a file is taken away without leaving the page
    if (form.dataset.leave !== undefined) setTimeout(() => lock(form, false), 3000);
    if (staysHere(form)) {
      e.preventDefault();
      void send(form, button);
    }
  }
});
// 退出登录:存在手机里的档案一并删除,没有上传的记录不删
all<HTMLFormElement>("form[action='/log-out']").forEach((form) => form.addEventListener("submit", (e) => {
  if (!localStorage.getItem("offline") || form.dataset.dropped) return;
  e.preventDefault();
  void dropKept().finally(() => {
    form.dataset.dropped = "1";
    form.submit();
  });
}));
const lock = (form: HTMLFormElement, on: boolean) => all<HTMLButtonElement>("button", form).forEach((b) => (b.disabled = on));
// forms that answer with a file or with a page of their own leave
const staysHere = (form: HTMLFormElement) => form.dataset.leave === undefined && !document.body.classList.contains("bare");

// 提交而不离开:没有办成的,话写在表单里,填的和选的都还在
interface Refusal { said: string; field: string | null; code: string }
async function send(form: HTMLFormElement, button: HTMLElement | null) {
  all(".refusal", form).forEach((p) => p.remove());
  all("[aria-invalid]", form).forEach((f) => f.removeAttribute("aria-invalid"));
  const data = new FormData(form);
  const pressed = button as HTMLButtonElement | null;
  if (pressed?.name) data.append(pressed.name, pressed.value);
  const fields = new URLSearchParams();
  data.forEach((value, name) => fields.append(name, String(value)));
  const body = form.enctype === "multipart/form-data" ? data : fields;
  let answer: Response;
  try {
    answer = await fetch(pressed?.getAttribute("formaction") ?? form.action, { method: "POST", body, headers: { "x-in-place": "1" }, redirect: "manual" });
  } catch {
    return refuse(form, { said: "没有连上服务器,没有保存。请检查网络后再点一次;填写的内容还在", field: null, code: "offline" });
  }
  const to = answer.headers.get("x-go-to");
  if (to) {
    // the same address with another anchor would not be loaded anew
    const there = new URL(to, location.href);
    if (there.pathname + there.search === location.pathname + location.search) {
      // browsers keep what was typed and which buttons were locked over a reload
      form.reset();
      lock(form, false);
      location.reload();
    } else location.assign(to);
    return;
  }
  if (answer.headers.get("content-type")?.startsWith("application/json")) {
    return refuse(form, await answer.json() as Refusal);
  }
  if (answer.status === 0 || answer.status >= 500 || answer.status === 413) {
    const said = answer.status === 413 ? "文件太大,没有保存" : "服务器暂时没有答复,没有保存。请过一会儿再点一次;填写的内容还在";
    return refuse(form, { said, field: null, code: "unavailable" });
  }
  document.open();
  document.write(await answer.text());
  document.close();
}
function refuse(form: HTMLFormElement, refusal: Refusal) {
  lock(form, false);
  // suggestions would lie over the sentence
  all(".found", form).forEach((found) => found.replaceChildren());
  const said = document.createElement("p");
  said.className = "problem refusal";
  said.setAttribute("role", "alert");
  said.textContent = refusal.said;
  const field = refusal.field ? one<HTMLElement>(`[name="${refusal.field}"]`, form) : null;
  if (!field) {
    form.prepend(said);
    said.scrollIntoView({ block: "nearest" });
    return;
  }
  field.setAttribute("aria-invalid", "true");
  (field.closest("label") ?? field).after(said);
  field.focus();
}

// 选了就筛
all<HTMLFormElement>("[data-auto-submit]").forEach((form) => {
  all<HTMLSelectElement>("select, input[type=date]", form).forEach((f) => f.addEventListener("change", () => form.requestSubmit()));
  // a short address to pass on: what is empty does not stand in it
  const fields = () => all<HTMLInputElement>("input[name], select[name]", form);
  form.addEventListener("submit", () => fields().filter((f) => !f.value).forEach((f) => (f.disabled = true)));
  addEventListener("pageshow", () => fields().forEach((f) => (f.disabled = false)));
});

// 全选
all<HTMLButtonElement>("[data-tick-all]").forEach((b) =>
  b.addEventListener("click", () => {
    const boxes = all<HTMLInputElement>("input[type=checkbox]", b.form!);
    const tick = boxes.some((x) => !x.checked);
    boxes.forEach((x) => (x.checked = tick));
  }));

// 正在报上来的数:页面看得见时每隔几秒换新的
all<HTMLElement>("[data-reload]").forEach((p) =>
  setInterval(() => {
    if (document.visibilityState === "visible" && !getSelection()?.toString()) location.reload();
  }, Number(p.dataset.reload) * 1000));

// 拖放名册
all<HTMLFormElement>("[data-drop]").forEach((form) => {
  const input = one<HTMLInputElement>("input[type=file]", form)!;
  const bar = one<HTMLProgressElement>("progress", form)!;
  const status = one<HTMLElement>("[data-drop-status]", form)!;
  const show = () => {
    status.textContent = input.files?.length ? `已选 ${input.files.length} 个文件:${Array.from(input.files).map((f) => f.name).join("、")}` : "";
  };
  input.addEventListener("change", show);
  ["dragenter", "dragover"].forEach((n) => form.addEventListener(n, (e) => { e.preventDefault(); form.classList.add("over"); }));
  ["dragleave", "drop"].forEach((n) => form.addEventListener(n, () => form.classList.remove("over")));
  form.addEventListener("drop", (e) => {
    e.preventDefault();
    if (e.dataTransfer?.files.length) {
      input.files = e.dataTransfer.files;
      show();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    bar.hidden = false;
    request.upload.onprogress = (p) => {
      bar.value = p.total ? (p.loaded / p.total) * 100 : 0;
      status.textContent = p.loaded < p.total ? `正在上传 ${Math.round((p.loaded / p.total) * 100)}%` : "已上传,正在读取表格……";
    };
    request.onload = () => {
      if (request.responseURL && new URL(request.responseURL).pathname === "/rosters" && request.status < 300) {
        document.open();
        document.write(request.responseText);
        document.close();
        history.replaceState(null, "", "/rosters");
      } else {
        document.open();
        document.write(request.responseText);
        document.close();
      }
    };
    request.onerror = () => {
      status.textContent = "上传中断,没有保存。请检查网络后再点“读取”。";
      bar.hidden = true;
      all<HTMLButtonElement>("button", form).forEach((b) => (b.disabled = false));
    };
    request.send(new FormData(form));
  });
});

// 比对进度
all<HTMLElement>("[data-run]").forEach((box) => {
  const bar = one<HTMLProgressElement>("progress", box)!;
  const stage = one<HTMLElement>("[data-stage]", box)!;
  const source = new EventSource(box.dataset.run!);
  source.addEventListener("progress", (e) => {
    const p = JSON.parse((e as MessageEvent).data);
    bar.value = p.done;
    stage.textContent = p.total ? `${p.stage}(第 ${p.done + 1} 步,共 ${p.total} 步)` : p.stage;
  });
  source.addEventListener("end", () => {
    source.close();
    location.reload();
  });
  source.onerror = () => {
    stage.textContent = "连接中断,正在重新连接;比对仍在继续";
  };
});

// 认定:一个键一对
document.addEventListener("keydown", (e) => {
  if (!one("[data-review]") || e.ctrlKey || e.metaKey || e.altKey) return;
  if ((e.target as Element).matches("input, textarea, select")) return;
  one<HTMLButtonElement>(`[data-key="${e.key.toLowerCase()}"]`)?.click();
});

// 点名:选了什么写在名字旁边,按钮上写几个人没到
all<HTMLFormElement>("[data-roll]").forEach((form) => {
  const submit = one<HTMLButtonElement>("[data-roll-submit]", form)!;
  const all_ = all("li", form).length;
  const tell = () => {
    const away = all<HTMLInputElement>("input[type=radio]:checked", form).filter((r) => !["present", "late", "left-early"].includes(r.value)).length;
    submit.textContent = away ? `提交:${away} 人没到,其余 ${all_ - away} 人到` : `全到,提交(${all_} 人)`;
  };
  form.addEventListener("change", (e) => {
    const radio = e.target as HTMLInputElement;
    if (radio.type !== "radio") return;
    const label = one("[data-mark]", radio.closest("details")!);
    if (label) label.textContent = radio.parentElement?.textContent?.trim() ?? "";
    tell();
  });
  // a tap on a name says first of all that she is not there; another one, before anything was chosen, takes it back
  all<HTMLDetailsElement>("details", form).forEach((box) => {
    let guessed = false;
    const guess = (mark: string) => {
      const radio = one<HTMLInputElement>(`input[value=${mark}]`, box)!;
      radio.checked = true;
      radio.dispatchEvent(new Event("change", { bubbles: true }));
    };
    box.addEventListener("change", (e) => { if (e.isTrusted) guessed = false; });
    box.addEventListener("toggle", () => {
      if (!box.open) {
        if (guessed) guess("present");
        guessed = false;
      } else if (one<HTMLInputElement>("input[value=present]", box)?.checked) {
        guess("unexplained");
        guessed = true;
      }
    });
  });
  tell();
});

// 答复:结论要什么证明;照片先缩小
all<HTMLSelectElement>("[data-disposition]").forEach((select) => {
  const hint = one<HTMLElement>("[data-proof-hint]")!;
  select.addEventListener("change", () => {
    const proof = select.selectedOptions[0]?.dataset.proof;
    hint.textContent = proof ? `需要:${proof}` : select.value === "dropped-out" ? "请在下面写明孩子现在的情况" : "";
  });
});
all<HTMLInputElement>("[data-photos]").forEach((input) => {
  const list = one<HTMLElement>("[data-photo-list]")!;
  input.addEventListener("change", async () => {
    const files = await Promise.all(Array.from(input.files ?? []).map(smaller));
    const carrier = new DataTransfer();
    files.forEach((f) => carrier.items.add(f));
    input.files = carrier.files;
    list.replaceChildren(...files.map((f) => {
      const item = document.createElement("li");
      item.textContent = `${f.name}(${Math.max(1, Math.round(f.size / 1024))} KB)`;
      return item;
    }));
  });
});

// 家访:选了上门才要照片和签字;在屏幕上签
all<HTMLFormElement>("[data-contact]").forEach((form) => {
  const visit = one<HTMLDetailsElement>("[data-visit]", form)!;
  const pads = one<HTMLElement>("[data-signatures]", form)!;
  form.addEventListener("change", (e) => {
    const field = e.target as HTMLInputElement;
    if (field.name === "kind" && field.value === "visit") visit.open = true;
    if (field.name === "signed") pads.hidden = field.value !== "on-screen";
  });
  all<HTMLCanvasElement>("[data-sign]", form).forEach((canvas) => {
    const file = one<HTMLInputElement>(`[name="sign-${canvas.dataset.sign}"]`, form)!;
    const clear = pad(canvas, (picture) => {
      const carrier = new DataTransfer();
      if (picture) carrier.items.add(new File([picture], `${canvas.dataset.sign}.png`, { type: "image/png" }));
      file.files = carrier.files;
    });
    one<HTMLButtonElement>(`[data-sign-clear="${canvas.dataset.sign}"]`, form)!.addEventListener("click", clear);
  });
});
