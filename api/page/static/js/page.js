// Where the page's modules begin. Each improves what the server rendered; without them everything still works by links
// and forms. A module listens on the document, or hears of parts that were put in anew (parts.js).

import { attachAsk } from "./ask.js";
import { attachCitations } from "./citations.js";
import { attachFeedback } from "./feedback.js";
import { attachFirstRun } from "./first_run.js";
import { attachLines } from "./lines.js";
import { attachNotes } from "./notes.js";
import { attachStatus } from "./status.js";
import { attachTimeline } from "./timeline.js";

attachAsk();
attachCitations();
attachFeedback();
attachFirstRun();
attachLines();
attachNotes();
attachStatus();
attachTimeline();
