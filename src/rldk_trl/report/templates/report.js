"use strict";
// The page works without this script, which adds filters, sorting, several open cells at once, and the theme.
(() => {
  const page = document.documentElement;
  const one = (id) => document.getElementById(id);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const table = one("matrix");
  const bands = [];
  for (const body of all("tbody", table)) {
    if (body.classList.contains("band")) bands.push({ body, releases: [] });
    else bands[bands.length - 1].releases.push(body);
  }
  const releases = bands.flatMap((band) => band.releases);
  page.classList.add("js");

  // Opening. Addresses such as report.html#cell-0.23.0 open a cell.
  const links = new Map();
  for (const link of all("td > a.open", table)) {
    link.setAttribute("aria-expanded", "false");
    link.setAttribute("role", "button");
    links.set(link.hash.slice(1), link);
  }
  const show = (id, open) => {
    const row = one(id);
    if (!row || !row.classList.contains("more")) return null;
    row.classList.toggle("shown", open);
    links.get(id).setAttribute("aria-expanded", String(open));
    return row;
  };
  const address = (hash) => {
    try { history.replaceState(null, "", hash || location.pathname + location.search); } catch { /* a sandbox */ }
  };
  const lead = (id) => {
    const row = show(id, true);
    if (!row) return;
    if (row.parentElement.hidden) clear();
    row.previousElementSibling.closest("tbody").scrollIntoView({ block: "start" });
    links.get(id).focus({ preventScroll: true });
  };
  const close = (row) => {
    show(row.id, false);
    address("");
    links.get(row.id).focus();
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    const id = decodeURIComponent(link.hash.slice(1));
    const inside = link.closest(".more");
    if (inside) {
      event.preventDefault();
      close(inside);
    } else if (links.get(id) === link) {
      event.preventDefault();
      const open = link.getAttribute("aria-expanded") !== "true";
      show(id, open);
      address(open ? link.hash : "");
    } else if (one(id)) {
      event.preventDefault();
      address(link.hash);
      lead(id);
    }
  });
  document.addEventListener("keydown", (event) => {
    const row = event.target.closest && event.target.closest(".more, tbody.release");
    if (event.key === "Escape" && row) {
      const open = row.matches(".more") ? row : row.querySelector(".more.shown");
      if (open) close(open);
    }
    if (event.key === " " && event.target.matches("td > a.open")) {
      event.preventDefault();
      event.target.click();
    }
  });

  // Filters.
  const words = new Map(releases.map((body) => [
    body,
    [...all("tr:first-child", body), ...all("dd, .packages", body)].map((node) => node.textContent).join(" ").toLowerCase(),
  ]));
  const fields = ["text", "status", "api", "lane"].map(one).filter(Boolean);
  const value = (id) => (one(id) ? one(id).value.trim() : "");
  const filter = () => {
    const [status, api, lane] = ["status", "api", "lane"].map(value);
    const asked = value("text").toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const body of releases) {
      const cells = all("td[data-status]", body).filter((cell) => !lane || !cell.dataset.lane || cell.dataset.lane === lane);
      const fits = (cell) => !status || (status === "!" ? "otherwise" in cell.dataset : cell.dataset.status === status);
      const said = words.get(body);
      body.hidden = !(cells.some(fits) && (!api || body.dataset.api === api) && asked.every((word) => said.includes(word)));
      count += !body.hidden;
    }
    for (const node of all("[data-lane]", table)) node.hidden = Boolean(lane) && node.dataset.lane !== lane;
    bandsShown();
    one("shown").textContent = `${count} of ${releases.length} releases`;
    one("none").hidden = count > 0;
  };
  const clear = () => {
    for (const field of fields) field.value = "";
    filter();
  };

  // Sorting. Bands are shown only if the releases are in their own order.
  let sorted = { heading: table.querySelector("[aria-sort]"), up: false };
  const bandsShown = () => {
    const natural = sorted.heading.dataset.sort === "release";
    for (const band of bands) band.body.hidden = !natural || band.releases.every((body) => body.hidden);
  };
  const columns = () => {
    // The second row of headings is under the groups of the first.
    const [first, second] = all("thead tr", table).map((row) => [...row.cells]);
    return [...first.filter((cell) => cell.rowSpan === 2), ...second];
  };
  const cellKey = (body, heading) => {
    const cell = body.rows[0].cells[columns().indexOf(heading)];
    if (!cell) return null;
    const text = cell.dataset.key || cell.textContent.trim();
    return text === "" ? null : text;
  };
  const sort = (heading, up) => {
    sorted.heading.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    sorted = { heading, up };
    const turn = up ? 1 : -1;
    const number = (body) => Number(body.dataset.number);
    let order;
    if (heading.dataset.sort === "release") {
      const groups = bands.map((band) => [band.body, ...[...band.releases].sort((a, b) => turn * (number(a) - number(b)))]);
      groups.sort((a, b) => turn * (number(a[1]) - number(b[1])));
      order = groups.flat();
    } else {
      const keys = new Map(releases.map((body) => [body, cellKey(body, heading)]));
      const compare = new Intl.Collator("en", { numeric: true }).compare;
      order = [...releases].sort((a, b) => {
        const [left, right] = [keys.get(a), keys.get(b)];
        // A release without a value comes last in both directions.
        if (left === null || right === null) return (left === null) - (right === null) || number(b) - number(a);
        return turn * compare(left, right) || number(b) - number(a);
      });
      order.push(...bands.map((band) => band.body));
    }
    table.append(...order);
    bandsShown();
  };
  for (const heading of all("[data-sort]", table)) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const again = sorted.heading === heading;
      sort(heading, again ? !sorted.up : heading.dataset.sort !== "release");
    });
  }

  // Theme: the system's, until the reader chooses one.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = (set) => {
    try {
      if (set) localStorage.setItem("rldk-trl-theme", set);
      return localStorage.getItem("rldk-trl-theme");
    } catch { return null; }
  };
  const theme = (choice) => {
    if (choice) page.dataset.theme = choice;
    const now = page.dataset.theme || (dark.matches ? "dark" : "light");
    one("theme").textContent = now === "dark" ? "Light theme" : "Dark theme";
    return now;
  };
  one("theme").addEventListener("click", () => stored(theme(theme() === "dark" ? "light" : "dark")));
  dark.addEventListener("change", () => theme());
  const before = stored();
  theme(before === "dark" || before === "light" ? before : undefined);

  for (const field of fields) for (const event of ["input", "change"]) field.addEventListener(event, filter);
  one("filters").addEventListener("submit", (event) => event.preventDefault());
  one("clear").addEventListener("click", clear);
  one("filters").hidden = false;
  one("theme").hidden = false;
  filter();
  const arrive = () => lead(decodeURIComponent(location.hash.slice(1)));
  window.addEventListener("hashchange", arrive);
  if (location.hash) arrive();
})();
