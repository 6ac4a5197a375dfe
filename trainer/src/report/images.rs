//! Images over their reconstructions, inside the page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::data::RunReport;
use super::page::run_title;

/// The pictures of all runs that have one.
pub(super) fn section(runs: &[RunReport]) -> String {
    let figure = |run: &RunReport| {
        let picture = STANDARD.encode(run.reconstructions.as_ref()?);
        Some(format!(
            "{}<img class=\"grid-of-images\" alt=\"Rows of images, each above its reconstructions\" \
             src=\"data:image/png;base64,{picture}\">\n",
            run_title(run, runs)
        ))
    };
    let figures: String = runs.iter().filter_map(figure).collect();
    if figures.is_empty() {
        return figures;
    }
    format!(
        "<section aria-labelledby=\"images-title\">\n<h2 id=\"images-title\">Images above their reconstructions</h2>\n\
         {figures}</section>\n"
    )
}
