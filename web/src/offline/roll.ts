// 点名:全到点一下;没到的点名字选原因。没有信号也能点,联网后上传一次
import { choice, el, field } from "./dom";
import { keepDraft, readDraft } from "./people";
import { add } from "./queue";
import type { Person } from "./store";

type Pairs = [string, string][];
/** A leave: mark, first day and half (0 morning), last day and half. */
export type Leave = [string, string, number, string, number];
export interface Pupil { id: number; name: string; leaves: Leave[]; watched: boolean }
export interface Register { day: string; check: string; label: string; version: number; marks: [number, string][]; online?: boolean; only?: number[] }
export interface Class { path: string; name: string; pupils: Pupil[]; registers: Register[] }
export interface Marks { marks: Pairs; symptoms: Pairs; whereabouts?: Pairs; online_marks?: string[] }

/** What was said of a pupil who was not there. */
interface Said { mark: string; note: string; symptom: string; whereabouts?: string }
const THERE = ["present", "no-helper", "late", "left-early"];

/** Whoever is expected at a check: in the evening those who board. */
export const expected = (c: Class, r: Register): Pupil[] => (r.only ? c.pupils.filter((u) => r.only!.includes(u.id)) : c.pupils);

/** A register of one class, day and check: what is recorded later takes the place of what was not sent yet. */
const slotOf = (c: Class, r: Register): string => `register:${c.path}:${r.day}:${r.check}`;

/** The leave of a pupil at a check. */
const leaveAt = (u: Pupil, r: Register): Leave | undefined => {
  const half = ["first-day", "morning"].includes(r.check) ? 0 : 1;
  const order = (day: string, h: number) => `${day}${h}`;
  return u.leaves.find(([, from, fh, to, th]) => order(from, fh) <= order(r.day, half) && order(r.day, half) <= order(to, th));
};

/** What stands: what this phone said last, or what the server knew; whoever is on leave is. */
async function standing(p: Person, secret: CryptoKey | null, c: Class, r: Register): Promise<Map<number, Said>> {
  const out = new Map<number, Said>();
  const draft = await readDraft(p, secret, slotOf(c, r));
  const own = told.get(slotOf(c, r)) ?? (draft?.marks ? (JSON.parse(draft.marks) as [number, Said][]) : null);
  if (own) return new Map(own);
  for (const [id, mark] of r.marks) out.set(id, { mark, note: "", symptom: "" });
  if (r.version === 0) {
    for (const u of c.pupils) {
      const leave = r.only && !r.only.includes(u.id) ? undefined : leaveAt(u, r);
      if (leave) out.set(u.id, { mark: leave[0], note: "", symptom: "" });
    }
  }
  return out;
}

/** Said on this page, whether or not it can be read back without the PIN. */
const told = new Map<string, [number, Said][]>();
/** What was said here before the page was closed. */
export async function remember(p: Person, secret: CryptoKey, classes: Class[]): Promise<void> {
  for (const c of classes) {
    for (const r of c.registers) {
      const draft = await readDraft(p, secret, slotOf(c, r));
      if (draft?.marks) told.set(slotOf(c, r), JSON.parse(draft.marks) as [number, Said][]);
    }
  }
}
/** The server's data are newer than what was said here. */
export const forget = (): void => told.clear();

/** How a register stands, for a card. */
export function stands(c: Class, r: Register): string {
  const own = told.get(slotOf(c, r));
  const away = own ? own.filter(([, s]) => !THERE.includes(s.mark)).length : r.marks.filter(([, m]) => !THERE.includes(m)).length;
  if (own) return `已点(在手机里):${away ? `${away} 人没到` : "全到"}`;
  return r.version ? `已点:${away ? `${away} 人没到` : "全到"}` : "待点名";
}

async function save(p: Person, c: Class, r: Register, said: Map<number, Said>): Promise<string> {
  const marks = [...said].filter(([, s]) => s.mark !== "present");
  const away = marks.filter(([, s]) => !THERE.includes(s.mark)).length;
  const label = `点名 ${c.name} ${r.day} ${r.label}`;
  await add(p, "register", label, () => ({
    class: c.path, day: r.day, check: r.check, base: r.version, made_at: Date.now(),
    marks: marks.map(([id, s]) => [id, s.mark, s.note, s.symptom]),
    whereabouts: marks.filter(([, s]) => s.whereabouts).map(([id, s]) => [id, s.whereabouts]),
  }), [], slotOf(c, r));
  told.set(slotOf(c, r), marks);
  await keepDraft(p, slotOf(c, r), { marks: JSON.stringify(marks) });
  return `${c.name} ${r.label}:${away ? `${away} 人没到` : "全到"}`;
}

/** All are there: one tap. Whoever is on leave is on leave. */
export async function allPresent(p: Person, secret: CryptoKey | null, c: Class, r: Register): Promise<string> {
  const before = await standing(p, secret, c, r);
  const onLeave = new Map([...before].filter(([id]) => c.pupils.some((u) => u.id === id && leaveAt(u, r))));
  return save(p, c, r, r.version || told.has(slotOf(c, r)) ? before : onLeave);
}

/** The roll of a class. */
export async function rollForm(
  p: Person, secret: CryptoKey | null, c: Class, r: Register, m: Marks, done: (label: string) => void,
): Promise<HTMLFormElement> {
  const said = await standing(p, secret, c, r);
  const pupils = expected(c, r);
  const offered = m.marks.filter(([code]) => r.online || !m.online_marks?.includes(code) || [...said.values()].some((s) => s.mark === code));
  const submit = el("button", { class: "btn btn-primary", type: "submit" });
  const trouble = el("p", { class: "problem", role: "alert", hidden: true });
  const tell = () => {
    const away = [...said.values()].filter((s) => !THERE.includes(s.mark)).length;
    submit.textContent = away ? `存下:${away} 人没到,其余 ${pupils.length - away} 人到` : `全到,存下(${pupils.length} 人)`;
  };
  const pupil = (u: Pupil): HTMLElement => {
    const now = () => said.get(u.id) ?? { mark: "present", note: "", symptom: "" };
    const label = el("span", { class: "mark" });
    const show = () => (label.textContent = m.marks.find((x) => x[0] === now().mark)?.[1] ?? "");
    show();
    const box = el("details", { open: now().mark !== "present" },
      el("summary", {}, el("b", {}, u.name), leaveAt(u, r) && el("small", {}, ` 请假至 ${leaveAt(u, r)![3]}`), u.watched && el("span", { class: "tag v-verify" }, "关注"), label));
    let filled = false;
    // what nobody opens is not made: fifty-five pupils on a cheap phone
    const fill = () => {
      if (filled) return;
      filled = true;
      const note = el("input", { maxlength: "100", value: now().note });
      const symptom = el("select", {}, el("option", { value: "" }, "无"), ...m.symptoms.map(([code, t]) => el("option", { value: code, selected: code === now().symptom }, t)));
      const where = r.check === "first-day" && m.whereabouts
        ? el("select", {}, el("option", { value: "" }, "还不知道"), ...m.whereabouts.map(([code, t]) => el("option", { value: code, selected: code === now().whereabouts }, t)))
        : null;
      const put = () => {
        const mark = box.querySelector<HTMLInputElement>("input[type=radio]:checked")?.value ?? "present";
        if (mark === "present") said.delete(u.id);
        else said.set(u.id, { mark, note: note.value.trim(), symptom: symptom.value, whereabouts: where?.value || undefined });
        show();
        tell();
      };
      const marks = choice(`mark-${u.id}`, u.name, offered, now().mark);
      const body = el("div", {}, marks, field("备注", note), field("症状(病假)", symptom), where && field("去向(没到的)", where));
      body.addEventListener("change", put);
      note.addEventListener("input", put);
      box.append(body);
    };
    if (box.open) fill();
    // a tap on a name says first of all that she is not there; another one, before anything was chosen, takes it back
    let guessed = false;
    const guess = (mark: string) => {
      const radio = box.querySelector<HTMLInputElement>(`input[value=${mark}]`);
      if (!radio) return;
      radio.checked = true;
      radio.dispatchEvent(new Event("change", { bubbles: true }));
    };
    box.addEventListener("change", (e) => { if (e.isTrusted) guessed = false; });
    box.addEventListener("toggle", () => {
      if (!box.open) {
        if (guessed) guess("present");
        guessed = false;
        return;
      }
      const first = !filled;
      fill();
      if ((first || !said.has(u.id)) && now().mark === "present") {
        guess("unexplained");
        guessed = true;
      }
    });
    return el("li", {}, box);
  };
  const form = el("form", {}, trouble, el("ul", { class: "pupils" }, ...pupils.map(pupil)), el("p", { class: "sticky" }, submit));
  tell();
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    try {
      done(await save(p, c, r, said));
    } catch {
      submit.disabled = false;
      trouble.textContent = "没有存下,请再点一次;点的都还在";
      trouble.hidden = false;
    }
  });
  return form;
}
