"use strict";
{
  // A browser may refuse to keep anything; then nothing is kept.
  const memory = (kind) => ({
    get: (key) => { try { return window[kind].getItem(`applecart-${key}`); } catch { return null; } },
    set: (key, value) => { try { window[kind].setItem(`applecart-${key}`, value); } catch { } },
    drop: (key) => { try { window[kind].removeItem(`applecart-${key}`); } catch { } },
  });
  const lasting = memory("localStorage");
  const passing = memory("sessionStorage");
  const root = document.documentElement;
  const by = (id) => document.getElementById(id);

  const themes = ["automatic", "light", "dark"];
  let theme = themes.includes(lasting.get("theme")) ? lasting.get("theme") : "automatic";
  const paint = () => {
    root.dataset.theme = theme;
    const button = by("theme");
    if (button) button.textContent = `Colours: ${theme}`;
  };
  root.classList.add("has-script");
  paint();

  const switchTheme = () => {
    paint();
    by("theme")?.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      lasting.set("theme", theme);
      paint();
    });
  };

  const copyCommands = () => document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });

  // The address behind # holds the filters, so that a reload keeps them and a link shares them; a
  // link to a place on the page therefore leaves it alone.
  const jump = (id) => {
    const target = by(id);
    target?.focus({ preventScroll: true });
    target?.scrollIntoView();
  };
  const keepAddress = () => document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    event.preventDefault();
    jump(link.getAttribute("href").slice(1));
  });

  const STEP = 100;
  const marks = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"' };
  const plain = (html) => html.replace(/<[^>]*>/g, "").replace(/&(?:amp|lt|gt|quot);/g, (mark) => marks[mark]);
  const attribute = (line, name) => {
    const [, after] = line.split(` ${name}="`, 2);
    return after === undefined ? "" : plain(after.slice(0, after.indexOf('"')));
  };

  // One token a line, as the page has them for browsers without scripts. A line is taken apart when
  // something is asked of it.
  class Row {
    #cells;
    #text;
    constructor(line, tenant) {
      this.line = line;
      this.tenant = tenant;
      this.place = Number(attribute(line, "data-p"));
    }
    get cells() {
      return this.#cells ??= this.line.replace(/<\/t[hd]>/g, "\u0000").split("\u0000").slice(0, -1).map(plain);
    }
    get text() { return this.#text ??= this.cells.join(" ").toLowerCase(); }
    get labels() { return attribute(this.line, "data-l").split("\t"); }
  }
  const read = (text) => {
    const tenants = [];
    const rows = [];
    for (const line of text.split("\n")) {
      if (line.startsWith("<details")) tenants.push(line);
      else if (line.startsWith("<tr")) rows.push(new Row(line, tenants.length - 1));
    }
    return { tenants, rows };
  };

  const COLUMN = { kind: 1, expires: 2, expiry: 3, sync: 4, health: 5, attention: 8 };
  const fits = (row, wanted) => {
    if (wanted.all) return true;
    const { cells } = row;
    const day = cells[COLUMN.expires].slice(0, 10);
    return wanted.words.every((word) => row.text.includes(word))
      && cells[0].toLowerCase().includes(wanted.tenant)
      && (!wanted.kind || cells[COLUMN.kind].split(" ")[0] === wanted.kind)
      && ["expiry", "sync", "health"].every((axis) => !wanted[axis] || cells[COLUMN[axis]] === wanted[axis])
      && (!wanted.code || cells[COLUMN.attention].split(" ").includes(wanted.code))
      && (!wanted.label || row.labels.some((label) => label.startsWith(wanted.label)))
      && (!wanted.from || day >= wanted.from)
      && (!wanted.to || (day !== "" && day <= wanted.to));
  };

  const letters = new Intl.Collator("en", { numeric: true });
  const ordered = (rows, column, down) => {
    const byPlace = (a, b) => a.place - b.place;
    const turn = down ? -1 : 1;
    if (column === COLUMN.attention) return rows.sort((a, b) => turn * byPlace(a, b));
    return rows.sort((a, b) => {
      const [left, right] = [a.cells[column], b.cells[column]];
      // What is unknown stands last in either direction.
      if (!left || !right) return !left - !right || byPlace(a, b);
      return turn * letters.compare(left, right) || byPlace(a, b);
    });
  };

  const tokens = () => {
    const source = by("all");
    if (!source) return;
    const { tenants, rows } = read(source.textContent);
    const [search, form, table, folded, more] = ["search", "filters", "table", "folded", "more"].map(by);
    const heads = [...table.querySelectorAll("thead th")];
    const fields = [...form.elements].filter((field) => field.name);
    let column = COLUMN.attention;
    let down = false;
    let limit = STEP;

    const remembered = () => {
      const state = new URLSearchParams(location.hash.slice(1));
      search.value = state.get("q") ?? "";
      for (const field of fields) {
        if (field.type === "checkbox") field.checked = state.has(field.name);
        else field.value = state.get(field.name) ?? "";
      }
      const sort = Number(state.get("sort") ?? COLUMN.attention);
      column = sort in heads ? sort : COLUMN.attention;
      down = state.has("down");
      limit = Math.max(STEP, Number(state.get("show")) || STEP);
    };
    const remember = () => {
      const state = new URLSearchParams();
      const set = (name, value) => { if (value) state.set(name, value); };
      set("q", search.value);
      for (const field of fields) set(field.name, field.type === "checkbox" ? field.checked && "1" : field.value);
      set("sort", column !== COLUMN.attention && String(column));
      set("down", down && "1");
      set("show", limit !== STEP && String(limit));
      const hash = state.toString();
      if (hash !== location.hash.slice(1)) history.replaceState(null, "", `#${hash}`);
    };

    const show = () => {
      remember();
      const value = (name) => (by(`f-${name}`)?.value ?? "").trim();
      const wanted = {
        words: search.value.toLowerCase().split(/\s+/).filter(Boolean),
        tenant: value("tenant").toLowerCase(),
        kind: value("kind"), expiry: value("expiry"), sync: value("sync"), health: value("health"),
        code: value("code"), label: value("label"), from: value("from"), to: value("to"),
      };
      wanted.all = Object.values(wanted).every((one) => one.length === 0);
      const found = ordered(rows.filter((row) => fits(row, wanted)), column, down);
      const owners = [...new Set(found.map((row) => row.tenant))];
      const isFolded = by("by-tenant").checked;
      table.hidden = isFolded;
      folded.hidden = !isFolded;
      if (isFolded) {
        const its = new Map(owners.slice(0, limit).map((owner) => [owner, []]));
        for (const row of found) its.get(row.tenant)?.push(row.line);
        folded.innerHTML = [...its].map(([owner, lines]) => `${tenants[owner]}${lines.join("")}</table></details>`).join("");
        if (owners.length <= 3 && found.length < rows.length) {
          for (const tenant of folded.children) tenant.open = true;
        }
      } else {
        table.querySelector("tbody").innerHTML = found.slice(0, limit).map((row) => row.line).join("");
      }
      heads.forEach((head, place) => {
        if (place === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      const total = isFolded ? owners.length : found.length;
      more.hidden = total <= limit;
      const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
      const told = `${found.length} of ${count(rows.length, "token")}, of ${count(owners.length, "tenant")}`;
      by("count").textContent = total > limit ? `${told}; the first ${limit} are shown` : told;
      by("found").hidden = !search.value;
      by("found").textContent = search.value ? `${count(found.length, "token")} found` : "";
    };

    const anew = () => { limit = STEP; show(); };
    search.addEventListener("input", anew);
    search.form.addEventListener("submit", (event) => { event.preventDefault(); jump("tokens"); });
    form.addEventListener("input", anew);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => {
      search.value = "";
      column = COLUMN.attention;
      down = false;
      // The fields are empty only after the event.
      setTimeout(anew);
    });
    heads.forEach((head, place) => head.firstElementChild.addEventListener("click", () => {
      down = column === place && !down;
      column = place;
      anew();
    }));
    more.addEventListener("click", () => { limit += STEP; show(); });
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-code], a[data-from]");
      if (!link) return;
      form.reset();
      for (const name of ["code", "from", "to"]) {
        if (by(`f-${name}`)) by(`f-${name}`).value = link.dataset[name] ?? "";
      }
    });
    addEventListener("hashchange", () => { remembered(); show(); });
    addEventListener("beforeprint", () => { limit = Math.max(limit, 2000); show(); });
    remembered();
    show();
  };

  // A served page asks whether it is still true, and loads itself again when it is not.
  const refresh = () => {
    const { etag, every } = document.body.dataset;
    if (!every) return;
    const scroll = passing.get("scroll");
    if (scroll !== null) {
      scrollTo(0, Number(scroll));
      by(passing.get("focus") ?? "")?.focus({ preventScroll: true });
      passing.drop("scroll");
      passing.drop("focus");
    }
    const pause = by("pause");
    pause.checked = passing.get("pause") !== null;
    pause.addEventListener("change", () => { if (pause.checked) passing.set("pause", "1"); else passing.drop("pause"); });
    const lost = document.createElement("p");
    lost.className = "warning";
    setInterval(async () => {
      if (document.hidden || pause.checked) return;
      const answer = await fetch("/api/v1/status", { method: "HEAD", cache: "no-store" }).catch(() => null);
      if (!answer?.ok) {
        lost.textContent = "The controller does not answer. This page may be out of date.";
        by("notices").append(lost);
      } else if (answer.headers.get("ETag") === etag) {
        lost.remove();
      } else if (!pause.checked) {
        // Also where that was told while the controller was asked.
        passing.set("scroll", String(scrollY));
        passing.set("focus", document.activeElement?.id ?? "");
        location.reload();
      }
    }, Number(every) * 1000);
  };

  // Paper cannot be unfolded.
  const unfoldForPaper = () => {
    let folded = [];
    addEventListener("beforeprint", () => {
      folded = [...document.querySelectorAll("main details:not([open], .tenant)")];
      for (const one of folded) one.open = true;
    });
    addEventListener("afterprint", () => { for (const one of folded) one.open = false; });
  };

  document.addEventListener("DOMContentLoaded", () => {
    switchTheme();
    unfoldForPaper();
    copyCommands();
    keepAddress();
    tokens();
    refresh();
  });
}
