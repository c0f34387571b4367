//! One panel: what it asks, how it shows it, and what it means.

use serde_json::{Value, json};

use super::colours::{BAD, GOOD, WARNING};

/// What the variables of a dashboard choose, for series of one resolver.
const RESOLVER: &str = r#"environment=~"$environment",vantage=~"$vantage",datacenter=~"$datacenter",cluster=~"$cluster",resolver=~"$resolver""#;
/// The same for series of a cluster, as each vantage sees it.
const CLUSTER: &str =
    r#"environment=~"$environment",vantage=~"$vantage",datacenter=~"$datacenter",cluster=~"$cluster""#;
/// The same for recorded series, in which the vantages were counted.
const AGREED: &str = r#"environment=~"$environment",datacenter=~"$datacenter",cluster=~"$cluster""#;
/// The same for series of the prober itself.
const PROBER: &str = r#"environment=~"$environment",vantage=~"$vantage""#;

/// A panel under construction.
pub(crate) struct Panel {
    pub(crate) width: u32,
    pub(crate) height: u32,
    json: Value,
}

impl Panel {
    /// A panel of a Grafana type, with what it means in a sentence or two.
    fn new(kind: &str, title: &str, description: &str, (width, height): (u32, u32)) -> Self {
        let json = json!({
            "type": kind,
            "title": title,
            "description": description,
            "datasource": super::sheet::datasource(),
            "targets": [],
            "fieldConfig": { "defaults": {}, "overrides": [] },
            "options": {},
        });
        Self { width, height, json }
    }

    /// Lines over time.
    pub(crate) fn lines(title: &str, description: &str, unit: &str, size: (u32, u32)) -> Self {
        Self::new("timeseries", title, description, size)
            .defaults("unit", json!(unit))
            .defaults("min", json!(0))
            .defaults("custom", json!({ "lineWidth": 2, "fillOpacity": 0, "showPoints": "auto", "spanNulls": false }))
            .option("legend", legend())
            .option("tooltip", json!({ "mode": "multi", "sort": "desc" }))
    }

    /// Areas on top of each other over time.
    pub(crate) fn stack(title: &str, description: &str, unit: &str, size: (u32, u32)) -> Self {
        Self::lines(title, description, unit, size).defaults(
            "custom",
            json!({ "lineWidth": 1, "fillOpacity": 70, "showPoints": "never", "stacking": { "mode": "normal", "group": "A" } }),
        )
    }

    /// One row a series, coloured by its state.
    pub(crate) fn states(title: &str, description: &str, size: (u32, u32)) -> Self {
        Self::new("state-timeline", title, description, size)
            .defaults("unit", json!("none"))
            .defaults("custom", json!({ "lineWidth": 0, "fillOpacity": 85 }))
            .option("mergeValues", json!(true))
            .option("showValue", json!("auto"))
            .option("rowHeight", json!(0.85))
            .option("legend", legend())
            .option("tooltip", json!({ "mode": "single", "sort": "none" }))
    }

    /// Large numbers.
    pub(crate) fn number(title: &str, description: &str, unit: &str, size: (u32, u32)) -> Self {
        Self::new("stat", title, description, size)
            .defaults("unit", json!(unit))
            .option("colorMode", json!("background"))
            .option("graphMode", json!("none"))
            .option("justifyMode", json!("auto"))
            .option("orientation", json!("auto"))
            .option("percentChangeColorMode", json!("standard"))
            .option("showPercentChange", json!(false))
            .option("textMode", json!("auto"))
            .option("wideLayout", json!(true))
            .option("reduceOptions", json!({ "calcs": ["lastNotNull"], "fields": "", "values": false }))
    }

    /// Rows of labels and values as they are now.
    pub(crate) fn table(title: &str, description: &str, unit: &str, size: (u32, u32)) -> Self {
        let hidden = json!({ "Time": true, "__name__": true });
        Self::new("table", title, description, size)
            .defaults("unit", json!(unit))
            .defaults(
                "custom",
                json!({ "align": "auto", "cellOptions": { "type": "auto" }, "filterable": true, "inspect": false, "minWidth": 70 }),
            )
            .option("cellHeight", json!("sm"))
            .option("frameIndex", json!(0))
            .option("showHeader", json!(true))
            .set("transformations", json!([{ "id": "organize", "options": { "excludeByName": hidden } }]))
    }

    /// A Prometheus histogram over time, from its buckets.
    pub(crate) fn heatmap(title: &str, description: &str, size: (u32, u32)) -> Self {
        Self::new("heatmap", title, description, size)
            .defaults("unit", json!("short"))
            .option("calculate", json!(false))
            .option("yAxis", json!({ "unit": "s", "axisPlacement": "left" }))
            .option("cellGap", json!(1))
            .option(
                "color",
                json!({ "mode": "scheme", "scheme": "Cividis", "steps": 64, "reverse": false, "exponent": 0.5, "fill": "dark-orange" }),
            )
            .option("exemplars", json!({ "color": "rgba(255,0,255,0.7)" }))
            .option("showValue", json!("never"))
            .option("rowsFrame", json!({ "layout": "auto" }))
            .option("legend", json!({ "show": true }))
            .option("tooltip", json!({ "mode": "single", "yHistogram": true }))
    }

    /// A question over the time shown; one series for each set of labels, called `legend`.
    pub(crate) fn query(self, expr: &str, legend: &str) -> Self {
        self.target(json!({ "expr": filled(expr), "legendFormat": legend, "range": true }))
    }

    /// The buckets of a histogram over the time shown.
    pub(crate) fn buckets(self, expr: &str) -> Self {
        self.target(json!({ "expr": filled(expr), "legendFormat": "{{le}}", "range": true, "format": "heatmap" }))
    }

    /// A question about now, one row for each set of labels.
    pub(crate) fn rows(self, expr: &str) -> Self {
        self.target(json!({ "expr": filled(expr), "instant": true, "format": "table" }))
    }

    /// A question about now, one number for each set of labels.
    pub(crate) fn now(self, expr: &str, legend: &str) -> Self {
        self.target(json!({ "expr": filled(expr), "legendFormat": legend, "instant": true }))
    }

    /// Steps instead of slopes: for what changes at once.
    pub(crate) fn stepped(mut self) -> Self {
        self.json["fieldConfig"]["defaults"]["custom"]["lineInterpolation"] = json!("stepAfter");
        self
    }

    /// Colours by value: from the first bound up, and below it. Lines keep colours of their own, in order: by
    /// name, two of them can get the same one.
    pub(crate) fn thresholds(self, below: &str, steps: &[(f64, &str)]) -> Self {
        let mut all = vec![json!({ "value": null, "color": below })];
        all.extend(steps.iter().map(|(from, colour)| json!({ "value": from, "color": colour })));
        let mode = if self.json["type"] == "timeseries" { "palette-classic" } else { "thresholds" };
        self.defaults("thresholds", json!({ "mode": "absolute", "steps": all }))
            .defaults("color", json!({ "mode": mode }))
    }

    /// Lines at the bounds.
    pub(crate) fn marks(mut self, below: &str, steps: &[(f64, &str)]) -> Self {
        self = self.thresholds(below, steps);
        self.json["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"] = json!({ "mode": "dashed" });
        self
    }

    /// No value is a good one: nothing that could need attention.
    pub(crate) fn any_value(self) -> Self {
        self.thresholds(GOOD, &[])
    }

    /// 1 is good, 0 is bad, and both are written out.
    pub(crate) fn yes_no(self, yes: &str, no: &str) -> Self {
        self.words([(0, no.to_owned(), BAD), (1, yes.to_owned(), GOOD)]).thresholds(BAD, &[(1.0, GOOD)])
    }

    /// Words and colours for numbers.
    pub(crate) fn words(self, words: impl IntoIterator<Item = (usize, String, &'static str)>) -> Self {
        let options: serde_json::Map<_, _> = words
            .into_iter()
            .map(|(code, word, colour)| (code.to_string(), json!({ "text": word, "color": colour, "index": code })))
            .collect();
        self.defaults("mappings", json!([{ "type": "value", "options": options }]))
            .defaults("color", json!({ "mode": "thresholds" }))
            .defaults("thresholds", json!({ "mode": "absolute", "steps": [{ "value": null, "color": WARNING }] }))
    }

    /// The colour of one series, by its name.
    pub(crate) fn colour(self, series: &str, colour: &str) -> Self {
        self.override_field(series, "color", &json!({ "mode": "fixed", "fixedColor": colour }))
    }

    /// One property of one field.
    pub(crate) fn override_field(mut self, field: &str, property: &str, value: &Value) -> Self {
        if let Some(overrides) = self.json["fieldConfig"]["overrides"].as_array_mut() {
            overrides.push(json!({
                "matcher": { "id": "byName", "options": field },
                "properties": [{ "id": property, "value": value }],
            }));
        }
        self
    }

    /// What the columns of a table are called, and which ones are left out.
    pub(crate) fn columns(mut self, renamed: &[(&str, &str)], left_out: &[&str]) -> Self {
        let options = &mut self.json["transformations"][0]["options"];
        for (from, to) in renamed {
            options["renameByName"][*from] = json!(to);
        }
        for column in left_out {
            options["excludeByName"][*column] = json!(true);
        }
        self
    }

    /// The panel at a place of the grid, which is 24 wide.
    pub(crate) fn at(mut self, id: usize, x: u32, y: u32) -> Value {
        self.json["id"] = json!(id);
        self.json["gridPos"] = json!({ "x": x, "y": y, "w": self.width, "h": self.height });
        self.json
    }

    fn target(mut self, mut target: Value) -> Self {
        target["datasource"] = super::sheet::datasource();
        if let Some(targets) = self.json["targets"].as_array_mut() {
            // A, B, C …: a panel has no more than a few questions.
            target["refId"] = json!(char::from_u32(65 + u32::try_from(targets.len()).unwrap_or(0)));
            targets.push(target);
        }
        self
    }

    fn option(mut self, key: &str, value: Value) -> Self {
        self.json["options"][key] = value;
        self
    }

    fn defaults(mut self, key: &str, value: Value) -> Self {
        self.json["fieldConfig"]["defaults"][key] = value;
        self
    }

    fn set(mut self, key: &str, value: Value) -> Self {
        self.json[key] = value;
        self
    }
}

/// The names of the series, below the panel.
fn legend() -> Value {
    json!({ "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true })
}

/// The query with the variables in the places that stand for them.
pub(crate) fn filled(expr: &str) -> String {
    let lines: Vec<_> = expr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines
        .join(" ")
        .replace("@resolver", RESOLVER)
        .replace("@cluster", CLUSTER)
        .replace("@agreed", AGREED)
        .replace("@prober", PROBER)
}
