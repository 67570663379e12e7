// Menus and explanations that open below their buttons: they close as those of the system do.

import { $, $$ } from "./page.js";

const MENUS = "details.menu, details.about";

function closeAll(except) {
  for (const menu of $$(MENUS)) {
    if (menu !== except) {
      menu.open = false;
    }
  }
}

addEventListener("click", ({ target }) => {
  const menu = target.closest?.(MENUS);
  // a click on an entry of a menu closes it, too
  closeAll(target.closest?.("details.menu > div") ? undefined : menu);
});

addEventListener("keydown", (event) => {
  const open = $(`:is(${MENUS})[open]`);
  if (event.key === "Escape" && open) {
    event.preventDefault();
    open.open = false;
    $("summary", open).focus();
  }
});
