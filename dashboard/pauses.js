// How long the clock stood for each addition: a bar each, in milliseconds.
import { echarts } from "nicegui-echart";

export default {
  template: `<div class="ph-pauses"><div ref="canvas" class="ph-pauses-canvas"></div></div>`,
  mounted() {
    this.chart = echarts.init(this.$refs.canvas, null, { renderer: "canvas" });
    this.resizing = new ResizeObserver(() => this.chart.resize());
    this.resizing.observe(this.$refs.canvas);
    this.$el.dataset.count = "0";
  },
  beforeUnmount() {
    this.resizing.disconnect();
    this.chart.dispose();
  },
  methods: {
    put(pauses) {
      this.$el.dataset.count = String(pauses.length);
      this.chart.setOption({
        animation: false,
        grid: { left: 4, right: 44, top: 10, bottom: 4 },
        xAxis: { type: "category", data: pauses.map((_, at) => at), show: false },
        yAxis: { type: "value", position: "right", splitNumber: 2, axisLabel: { color: "#8a95a3", fontSize: 10, formatter: "{value} ms" },
          splitLine: { lineStyle: { color: "#1d242d" } } },
        tooltip: { trigger: "axis", renderMode: "richText", confine: true, backgroundColor: "#2c3642", borderWidth: 0,
          textStyle: { color: "#d5dbe3", fontSize: 11 },
          formatter: (points) => `${plain(pauses[points[0].dataIndex][0])}: ${points[0].value} ms` },
        series: [{ type: "bar", barMaxWidth: 14, itemStyle: { color: "#e0a63c", opacity: 0.85 }, data: pauses.map((pause) => pause[1]) }],
      });
    },
  },
};

// The names of styles in rich text stand in braces.
function plain(text) {
  return text.replace(/[{}|]/g, " ").slice(0, 60);
}
