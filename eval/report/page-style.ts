/** The style sheet of the page. */
export const STYLE = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1a1a1a; --soft: #595959; --line: #e6e6e6; --code: #f4f4f4; --link: #005f9e; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #ececec; --soft: #a9b1b8; --line: #2f353b; --code: #23282d; --link: #6cb8f0; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 Inter, sans-serif; }
main { max-width: 980px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 12px; }
h2 { font-size: 21px; margin: 44px 0 8px; }
h1, h2, strong, th { font-weight: 600; }
a { color: var(--link); }
a:focus-visible, input:focus-visible, .wide:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.lead { font-size: 18px; }
nav ul { columns: 2; padding-left: 20px; margin: 8px 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13.5px; margin: 12px 0; }
th, td { text-align: left; padding: 6px 11px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { vertical-align: bottom; }
td:first-child { min-width: 110px; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.verdict-no { color: var(--bad); font-weight: 600; }
figure { margin: 20px 0; }
.chart { overflow-x: auto; }
.chart svg { display: block; max-width: 100%; height: auto; background: none !important; }
.toggles { display: flex; flex-wrap: wrap; gap: 4px 16px; border: 0; padding: 0; margin: 4px 0 0; font-size: 14px; }
.toggles legend { float: left; padding: 0; color: var(--soft); }
figcaption { font-size: 13.5px; color: var(--soft); }
code { font-size: 0.9em; background: var(--code); padding: 1px 4px; border-radius: 3px; overflow-wrap: anywhere; }
#tooltip { position: fixed; z-index: 1; background: var(--ink); color: var(--paper); padding: 7px 10px; border-radius: 5px; font-size: 13px; line-height: 1.45; pointer-events: none; max-width: 340px; }
@media (max-width: 600px) { main { padding: 20px 14px 48px; } h1 { font-size: 25px; } nav ul { columns: 1; } }
`;
