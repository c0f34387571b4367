// What a dashboard of ours may be: Grafana's type, with each panel held to the options of its own kind, each field to the
// settings of that kind, and each query to what the Prometheus data source takes. Those are open records in Grafana's.
import type {
  AnnotationQuery, Dashboard, DataTransformerConfig, FieldConfig, Panel, RowPanel, VariableModel,
} from '@grafana/schema';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as states from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';

import type { Plain } from './plain';

/** A type without the index signature that lets every key pass. */
type Closed<T> = { [Key in keyof T as string extends Key ? never : Key]: T[Key] };

/** What the data source takes, and cannot do without. */
type Query = Plain<Omit<Dataquery, 'refId'>> & { refId: string };

/** An override names a property of the kind's fields, or a standard one, and its value has that property's type. */
type Property<Custom> =
  | { [Key in keyof Closed<FieldConfig>]-?: { id: Key; value: Plain<FieldConfig[Key]> } }[keyof Closed<Omit<FieldConfig, 'custom'>>]
  | { [Key in keyof Custom & string]-?: { id: `custom.${Key}`; value: Plain<Custom[Key]> } }[keyof Custom & string];

interface Overrides<Custom> {
  matcher: { id: 'byName'; options: string };
  properties: Array<Property<Custom>>;
}

/** The one transformation in use, and its options as Grafana's `organize` takes them. */
type Transformation = Omit<Plain<DataTransformerConfig>, 'id' | 'options'> & {
  id: 'organize';
  options: { excludeByName?: Record<string, boolean>; renameByName?: Record<string, string>; indexByName?: Record<string, number> };
};

type Kind<Type extends string, Options, Custom> = Omit<
  Plain<Panel>, 'type' | 'title' | 'id' | 'gridPos' | 'options' | 'fieldConfig' | 'targets' | 'transformations'
> & {
  type: Type;
  title: string;
  id: number;
  gridPos: Plain<NonNullable<Panel['gridPos']>>;
  options: Plain<Options>;
  fieldConfig: {
    defaults: Plain<Omit<Closed<FieldConfig>, 'custom'>> & { custom?: Plain<Custom> };
    overrides: Array<Overrides<Custom>>;
  };
  targets: Query[];
  transformations?: Transformation[];
};

type AnyPanel =
  | Plain<RowPanel>
  | Kind<'heatmap', heatmap.Options, heatmap.FieldConfig>
  | Kind<'stat', stat.Options, Record<never, never>>
  | Kind<'state-timeline', states.Options, states.FieldConfig>
  | Kind<'table', table.Options, table.FieldConfig>
  | Kind<'timeseries', timeseries.Options, timeseries.FieldConfig>;

/** The data source of Prometheus adds these to an annotation. */
type Annotation = Omit<Plain<AnnotationQuery>, 'target'> & {
  target: Query;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  useValueForTime?: 'on' | 'off';
};

/** A variable that asks Prometheus also keeps the query as its editor shows it. */
type Variable = Plain<VariableModel> & { definition?: string };

/** One of the files in dashboards/. */
export type Sheet = Omit<Plain<Dashboard>, 'panels' | 'annotations' | 'templating'> & {
  panels: AnyPanel[];
  annotations: { list: Annotation[] };
  templating: { list: Variable[] };
};
