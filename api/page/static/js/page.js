// Where the page's modules begin. Each improves what the server rendered; without them everything still works by links
// and forms. A module listens on the document, or hears of parts that were put in anew (parts.js).

import { attachComplete } from "./complete.js";
import { attachCopy } from "./copy.js";
import { attachDrawer } from "./drawer.js";
import { attachKeys } from "./keys.js";
import { attachLines } from "./lines.js";
import { attachTokenMenu } from "./token_menu.js";
import { attachZone } from "./zone.js";

document.documentElement.classList.add("scripted"); // style sheets show what only works with modules

attachLines();
attachDrawer();
attachTokenMenu();
attachComplete();
attachKeys();
attachZone();
attachCopy();
