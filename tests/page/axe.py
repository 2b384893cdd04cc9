"""axe-core, which checks a page in a browser against WCAG 2.2 A and AA and against what is known to help."""

from pathlib import Path

from playwright.sync_api import Page

SOURCE = Path(__file__).parents[2] / ".node" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN = """async ([source, tags]) => {
  if (!window.axe) (0, eval)(source);
  document.querySelectorAll("details").forEach(each => { each.open = true });
  const found = await axe.run({ runOnly: tags, resultTypes: ["violations"] });
  const told = (rule, node) => `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary}`;
  return found.violations.flatMap(rule => rule.nodes.map(node => told(rule, node)));
}"""


def violations(page: Page) -> list[str]:
    """Every element that breaks a rule, with the rule and what to do; all that is folded is unfolded for it. Chromium
    must have been started without the page's policy (`bypass_csp`).
    """
    assert SOURCE.exists(), f"{SOURCE} is missing: `make setup-test` installs it"
    found: list[str] = page.evaluate(_RUN, [SOURCE.read_text("utf-8"), list(TAGS)])
    return found
