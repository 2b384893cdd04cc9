// Where the page's modules begin. Each improves what the server rendered; without them everything still works by links
// and forms. A module listens on the document, or hears of parts that were put in anew (parts.js).

import { attachBrush } from "./brush.js";
import { attachLines } from "./lines.js";

attachLines();
attachBrush();
