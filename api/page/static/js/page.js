// Where the page's modules begin. Each improves what the server rendered; without them everything still works by links
// and forms. A module listens on the document, or hears of parts that were put in anew (parts.js).

import { attachAsk } from "./ask.js";
import { attachBrush } from "./brush.js";
import { attachCitations } from "./citations.js";
import { attachComplete } from "./complete.js";
import { attachCopy } from "./copy.js";
import { attachDrawer } from "./drawer.js";
import { attachEdits } from "./edits.js";
import { attachFeedback } from "./feedback.js";
import { attachFirstRun } from "./first_run.js";
import { attachKeys } from "./keys.js";
import { attachLines } from "./lines.js";
import { attachLists } from "./lists.js";
import { attachNotes } from "./notes.js";
import { attachRecount } from "./recount.js";
import { attachRows } from "./rows.js";
import { attachStatus } from "./status.js";
import { attachTimeline } from "./timeline.js";
import { attachTokenMenu } from "./token_menu.js";
import { attachZone } from "./zone.js";

document.documentElement.classList.add("scripted"); // style sheets show what only works with modules

attachAsk();
attachBrush();
attachCitations();
attachComplete();
attachCopy();
attachDrawer();
attachEdits();
attachFeedback();
attachFirstRun();
attachKeys();
attachLines();
attachLists();
attachNotes();
attachRecount();
attachRows();
attachStatus();
attachTimeline();
attachTokenMenu();
attachZone();
