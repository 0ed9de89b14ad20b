// A table whose cells are text. A row is { key, cells, kind, actions, href }; only rows that changed are sent.
export default {
  props: { columns: Array, none: String, name: String, pickable: Boolean },
  data: () => ({ rows: [] }),
  template: `
    <div class="ph-rows" role="region" :aria-label="name">
      <table :class="{ pickable }">
        <thead v-if="rows.length && columns.some((column) => column.label)"><tr>
          <th v-for="column in columns" :class="column.kind">{{ column.label }}</th><th v-if="acts" class="act"></th>
        </tr></thead>
        <tbody>
          <tr v-for="row in rows" :key="row.key" :class="row.kind" :data-key="row.key" :tabindex="pickable ? 0 : undefined"
              @click="pickable && $emit('pick', row.key)" @keydown.enter="pickable && $emit('pick', row.key)">
            <td v-for="(column, at) in columns" :class="column.kind" :title="row.cells[at]"><a
              v-if="at === 0 && row.href" :href="row.href">{{ row.cells[at] }}</a><template v-else>{{ row.cells[at] }}</template></td>
            <td v-if="acts" class="act"><button v-for="act in row.actions" :key="act[0]" :aria-label="act[1] + ' ' + row.key"
              :title="act[1]" :class="act[0]" @click.stop="$emit('act', [row.key, act[0]])" @keydown.enter.stop>{{ act[2] }}</button></td>
          </tr>
        </tbody>
      </table>
      <p v-if="!rows.length" class="ph-none">{{ none }}</p>
    </div>`,
  computed: {
    acts() {
      return this.rows.some((row) => row.actions?.length);
    },
  },
  methods: {
    put(update) {
      if (update.all) this.rows = update.all;
      else for (const [at, row] of update.some) this.rows[at] = row;
    },
  },
};
