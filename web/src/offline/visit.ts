// 登记联系家访:没有信号也能填,填完就封存,联网后上传一次
import { redrawn } from "../page/photo";
import { pad } from "../page/signature";
import { choice, el, field, today } from "./dom";
import { endDraft, keepDraft, readDraft } from "./people";
import { add } from "./queue";
import type { Bytes } from "./seal";
import type { Person } from "./store";

export interface Case {
  id: number; version: number; number: string; name: string; about: string; guardian: string; phone: string; address: string; school: string;
  state: string; next: string; left: string; overdue: boolean; attempts: string; opened: string; last: string; check: boolean;
}
type Pairs = [string, string][];
export interface Choices { kinds: Pairs; outcomes: Pairs; attitudes: Pairs; wishes: Pairs; signed: Pairs; signers: Pairs }

const MOST_PHOTOS = 9;
/** What people say most at a door: a tap instead of typing. */
const PHRASES = ["家长同意送回学校", "孩子不愿上学", "外出务工", "家里没有人", "已转到外地就读", "身体有病在家"];

/** Families with the same telephone as this one. */
const household = (k: Case, all: Case[]): Case[] => (k.phone ? all.filter((o) => o.id !== k.id && o.phone === k.phone) : []);

/** The form. `done` is called when the record is on the phone for good. */
export async function visitForm(
  p: Person, secret: CryptoKey | null, k: Case, all: Case[], c: Choices, dayOf: () => string, done: (label: string) => void,
): Promise<HTMLFormElement> {
  const name = `visit:${k.id}`;
  const draft = (await readDraft(p, secret, name)) ?? {};
  const photos: Blob[] = [];
  const signatures = new Map<string, Blob>();
  const said = el("p", { class: "problem refusal", role: "alert", hidden: true });
  const text = (n: string, label: string, hint = "") =>
    field(label, el("input", { name: n, maxlength: "200", value: draft[n] ?? "", placeholder: hint }));
  const words = el("textarea", { id: "words", name: "words", rows: "2", maxlength: "2000" });
  words.value = draft.words ?? "";
  const phrase = (t: string) => el("button", {
    type: "button", class: "chip", onclick: () => {
      words.value = words.value ? `${words.value};${t}` : t;
      words.dispatchEvent(new Event("input", { bubbles: true }));
    },
  }, t);

  const shown = el("ul", { class: "recent" });
  const list = () => shown.replaceChildren(...photos.map((b, i) => el("li", {},
    `照片 ${i + 1}(${Math.max(1, Math.round(b.size / 1024))} KB)`,
    el("button", { type: "button", class: "btn", onclick: () => { photos.splice(i, 1); list(); } }, "去掉"))));
  const picker = el("input", { id: "photos", type: "file", accept: "image/*", multiple: true });
  picker.addEventListener("change", async () => {
    for (const file of Array.from(picker.files ?? [])) {
      if (photos.length >= MOST_PHOTOS) return refuse(`照片最多 ${MOST_PHOTOS} 张`);
      const small = await redrawn(file);
      if (small) photos.push(small);
      else refuse(`“${file.name}”这部手机打不开;请把相机设成“兼容性最佳(JPG)”再拍`);
    }
    picker.value = "";
    list();
  });

  const pads = el("div", { class: "signatures", hidden: (draft.signed ?? "") !== "on-screen" });
  for (const [who, label] of c.signers) {
    const canvas = el("canvas", { width: "560", height: "180", "data-sign": who, "aria-label": `${label}签字` });
    const clear = pad(canvas, (b) => (b ? signatures.set(who, b) : signatures.delete(who)));
    pads.append(el("div", { class: "signature" }, `${label}签字`, canvas,
      el("button", { type: "button", class: "btn", onclick: clear }, "重签")));
  }

  const where = el("input", { type: "checkbox", name: "position" });
  const family = household(k, all);
  const more = el("details", { open: draft.kind === "visit" },
    el("summary", {}, "家访的照片和签字,参加人员,家长态度"),
    el("label", { for: "photos" }, "照片(现场,或填好的纸质家访表;家访必附)"), picker, shown,
    choice("signed", "签字(家访必选)", c.signed, draft.signed ?? ""), pads,
    text("witness", "拒签的见证人(姓名、单位)"),
    text("people", "参加人员"), text("met", "见到了谁"),
    choice("attitude", "家长态度", c.attitudes, draft.attitude ?? ""),
    choice("wish", "学生意愿", c.wishes, draft.wish ?? ""),
    text("typed_for", "代谁录入", "自己去的不填"), text("next", "下一步打算"),
    el("label", { class: "check" }, where, " 附上现在的位置(不勾选就不带)"),
    family.length > 0 && el("fieldset", {}, el("legend", {}, "这次也谈到的孩子"),
      ...family.map((o) => el("label", { class: "check" }, el("input", { type: "checkbox", name: "also", value: String(o.id) }), ` ${o.name}`))));

  const form = el("form", { class: "box" },
    said,
    choice("kind", "方式", c.kinds, draft.kind ?? "visit", true),
    choice("outcome", "结果", c.outcomes, draft.outcome ?? "", true),
    field("日期", el("input", { type: "date", name: "on", value: draft.on ?? dayOf(), min: k.opened, max: dayOf() > today() ? dayOf() : today(), required: true })),
    el("label", { for: "words" }, "说了什么(可不填)"), words, el("p", { class: "chips" }, ...PHRASES.map(phrase)),
    more,
    el("button", { class: "btn btn-primary", type: "submit" }, "存下"));

  function refuse(why: string): void {
    said.textContent = why;
    said.hidden = false;
    said.scrollIntoView({ block: "nearest" });
  }
  const value = (n: string): string => String(new FormData(form).get(n) ?? "").trim();
  form.addEventListener("change", (e) => {
    const target = e.target as HTMLInputElement;
    if (target.name === "kind") more.open = target.value === "visit";
    if (target.name === "signed") pads.hidden = target.value !== "on-screen";
  });
  more.open = value("kind") === "visit";
  let timer = 0;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      const fields: Record<string, string> = {};
      new FormData(form).forEach((v, n) => { if (typeof v === "string" && n !== "also" && n !== "position") fields[n] = v; });
      void keepDraft(p, name, fields);
    }, 400);
  });

  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const visit = value("kind") === "visit";
    const lacks = [
      [!value("outcome"), "请选择联系结果"],
      [visit && photos.length === 0, "上门家访请附照片(现场照片,或填好的纸质家访表)"],
      [visit && !value("signed"), "上门家访请选择签字情况"],
      [visit && value("signed") === "on-screen" && signatures.size < c.signers.length, "请三方都签字;家长不签的,选“家长拒签”并写明见证人"],
      [visit && value("signed") === "refused" && !value("witness"), "家长拒签的,请写明见证人姓名和单位"],
      [visit && value("signed") === "nobody-there" && value("outcome") !== "not-met", "没有见到人的,联系结果请选“没有见到、没有接通”"],
    ].find((l) => l[0]);
    if (lacks) return refuse(String(lacks[1]));
    const submit = form.querySelector<HTMLButtonElement>("button[type=submit]")!;
    if (submit.disabled) return;
    submit.disabled = true;
    try {
      const position = where.checked ? await position_() : "";
      const signed = visit && value("signed") === "on-screen" ? c.signers.map(([who]) => who).filter((w) => signatures.has(w)) : [];
      const taken = visit ? photos : [];
      const bytes: Bytes[] = [];
      for (const b of [...taken, ...signed.map((w) => signatures.get(w)!)]) bytes.push(new Uint8Array(await b.arrayBuffer()));
      const also = new FormData(form).getAll("also").map(Number);
      const kind = c.kinds.find((x) => x[0] === value("kind"))?.[1] ?? "";
      const label = `${kind} ${1 + also.length} 名儿童${taken.length ? `,照片 ${taken.length} 张` : ""}`;
      await add(p, "contact", label, (digests) => ({
        case: k.id, version: k.version, also, kind: value("kind"), on: value("on"), outcome: value("outcome"), signed: visit ? value("signed") : "",
        made_at: Date.now(),
        detail: {
          people: value("people"), met: value("met"), words: value("words"), attitude: value("attitude"), wish: value("wish"),
          witness: value("witness"), typed_for: value("typed_for"), next: value("next"), position,
        },
        photos: digests.slice(0, taken.length),
        signatures: signed.map((w, i) => [w, digests[taken.length + i]]),
      }), bytes);
      clearTimeout(timer);
      await endDraft(name);
      done(label);
    } catch (error) {
      submit.disabled = false;
      refuse((error as DOMException).name === "QuotaExceededError"
        ? "手机存满了,这次没有存下。请删掉一些照片、视频再点“存下”;填的还在"
        : "没有存下,请再点一次;填的还在");
    }
  });
  return form;
}

const position_ = (): Promise<string> => new Promise((done) => {
  if (!navigator.geolocation) return done("");
  const found = (g: GeolocationPosition) => done(`${g.coords.latitude.toFixed(5)},${g.coords.longitude.toFixed(5)}(误差约 ${Math.round(g.coords.accuracy)} 米)`);
  navigator.geolocation.getCurrentPosition(found, () => done(""), { timeout: 10_000 });
});
