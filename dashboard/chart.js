// Candles with volume that grow. Rows come as [start_ms, open, high, low, close, volume]; what they say is drawn on a
// canvas or set as text, never as markup.
import { echarts } from "nicegui-echart";

const DRAW_MS = 100; // no more than ten draws a second
const BAR_PX = 6;
const LABEL_PX = 80;
const MINUTE_MS = 60000;
const STEPS = [1, 5, 10, 15, 30, 60, 120, 240, 720, 1440]; // minutes between two times below the chart
const UP = "#26a69a", DOWN = "#ef5350", TEXT = "#8a95a3", LINE = "#1d242d", ACCENT = "#e0a63c", SHADE = "rgba(224, 166, 60, 0.07)";

export default {
  template: `
    <div class="ph-chart">
      <div class="ph-legend"><b ref="name"></b><span ref="values"></span></div>
      <div class="ph-canvas" ref="canvas"></div>
      <div class="ph-empty" ref="empty">No bars yet</div>
    </div>`,
  mounted() {
    this.rows = [];
    this.draws = 0;
    this.drawnAt = 0;
    this.chart = echarts.init(this.$refs.canvas, null, { renderer: "canvas" });
    this.chart.on("updateAxisPointer", (event) => this.point(event.axesInfo?.[0]?.value));
    this.chart.on("datazoom", () => this.head && this.later());
    this.$refs.canvas.addEventListener("mouseleave", () => this.point(undefined));
    this.resizing = new ResizeObserver(() => this.chart.resize());
    this.resizing.observe(this.$refs.canvas);
    this.$el.dataset.draws = "0";
  },
  beforeUnmount() {
    this.resizing.disconnect();
    clearTimeout(this.timer);
    this.chart.dispose();
  },
  methods: {
    put(update) {
      if (update.all) {
        this.rows = update.bars;
        this.head = update;
        this.time = formatter(update.zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
        this.day = formatter(update.zone, { month: "short", day: "numeric" });
        this.fresh = true;
      } else {
        this.rows = this.rows.concat(update.bars);
      }
      this.later();
    },
    later() {
      if (!this.timer) this.timer = setTimeout(this.draw, Math.max(0, this.drawnAt + DRAW_MS - Date.now()));
    },
    draw() {
      this.timer = undefined;
      this.drawnAt = Date.now();
      const rows = this.rows;
      const [from, to] = this.window();
      this.chart.setOption(this.options(rows, from, to), { notMerge: this.fresh, lazyUpdate: false });
      this.fresh = false;
      this.draws += 1;
      const last = rows.at(-1);
      Object.assign(this.$el.dataset, {
        draws: this.draws, bars: rows.length, caught: this.head.caught, symbol: this.head.symbol,
        interval: this.head.interval, last: last ? last[0] : "", close: last ? last[4] : "",
      });
      this.$refs.empty.style.display = rows.length ? "none" : "";
      this.point(this.pointed);
    },
    window() {
      // The right edge is followed as long as it is in sight.
      const many = Math.max(30, Math.floor(this.$refs.canvas.clientWidth / BAR_PX));
      const end = this.rows.length - 1;
      const zoom = this.fresh ? undefined : this.chart.getOption()?.dataZoom?.[0];
      if (!zoom) return [Math.max(0, end - many + 1), end];
      const width = zoom.endValue - zoom.startValue;
      const atEnd = zoom.endValue >= this.drawn - 1;
      if (!atEnd) return [zoom.startValue, zoom.endValue];
      const wanted = zoom.startValue === 0 && width < many ? many - 1 : width;
      return [Math.max(0, end - wanted), end];
    },
    options(rows, from, to) {
      this.drawn = rows.length;
      const starts = rows.map((row) => row[0]);
      const isRound = this.rounds(from, to);
      const label = (value) => this.label(Number(value));
      const last = rows.at(-1);
      const axis = { type: "category", data: starts, boundaryGap: true, axisTick: { show: false }, axisLine: { lineStyle: { color: LINE } } };
      const option = {
        animation: false,
        grid: [
          { left: 12, right: 64, top: 12, bottom: 104 },
          { left: 12, right: 64, height: 56, bottom: 28 },
        ],
        xAxis: [
          { ...axis, axisLabel: { show: false }, axisPointer: { label: { show: false } } },
          { ...axis, gridIndex: 1, axisLabel: { color: TEXT, fontSize: 11, formatter: label, hideOverlap: true, interval: isRound }, axisPointer: { label: { formatter: (p) => label(p.value) } } },
        ],
        yAxis: [
          { scale: true, position: "right", splitNumber: 6, axisLine: { show: false }, axisTick: { show: false },
            axisLabel: { color: TEXT, fontSize: 11, formatter: price }, splitLine: { lineStyle: { color: LINE } },
            axisPointer: { label: { formatter: (p) => price(p.value) } } },
          { gridIndex: 1, position: "right", splitNumber: 1, axisLine: { show: false }, axisTick: { show: false },
            axisLabel: { color: TEXT, fontSize: 10, formatter: volume, showMinLabel: false }, splitLine: { show: false }, axisPointer: { label: { show: false } } },
        ],
        axisPointer: { show: true, type: "line", triggerTooltip: false, link: [{ xAxisIndex: "all" }],
          lineStyle: { color: "#4a5563", type: "dashed" }, label: { backgroundColor: "#2c3642", color: "#d5dbe3", fontSize: 11 } },
        dataZoom: [{ type: "inside", xAxisIndex: [0, 1], startValue: from, endValue: to, minValueSpan: 10, zoomOnMouseWheel: true, moveOnMouseMove: true }],
        series: [
          { type: "candlestick", data: rows.map((row) => [row[1], row[4], row[3], row[2]]), barMaxWidth: 12,
            itemStyle: { color: UP, color0: DOWN, borderColor: UP, borderColor0: DOWN },
            markLine: this.lines(last), markArea: this.area() },
          { type: "bar", xAxisIndex: 1, yAxisIndex: 1, barMaxWidth: 12, barGap: "-100%", itemStyle: { color: UP, opacity: 0.5 },
            data: rows.map((row) => (row[4] >= row[1] ? row[5] : "-")) },
          { type: "bar", xAxisIndex: 1, yAxisIndex: 1, barMaxWidth: 12, itemStyle: { color: DOWN, opacity: 0.5 },
            data: rows.map((row) => (row[4] >= row[1] ? "-" : row[5])) },
        ],
      };
      return option;
    },
    rounds(from, to) {
      // Round times, as many as there is room for.
      const many = Math.max(2, this.$refs.canvas.clientWidth / LABEL_PX);
      const span = ((to - from + 1) * this.head.step_ms) / MINUTE_MS;
      const step = STEPS.find((minutes) => span / minutes <= many) ?? STEPS.at(-1);
      const [hour, minute] = this.rows.length ? this.time.format(this.rows[to][0]).split(":").map(Number) : [0, 0];
      const offset = hour * 60 + minute - (this.rows.length ? Math.floor(this.rows[to][0] / MINUTE_MS) : 0);
      const span_of = (at) => Math.floor((this.rows[at][0] / MINUTE_MS + offset) / step);
      return (at) => at === 0 || span_of(at) !== span_of(at - 1); // the first bar of each hour, say
    },
    lines(last) {
      const marks = [];
      if (last) {
        const color = last[4] >= last[1] ? UP : DOWN;
        marks.push({ yAxis: last[4], lineStyle: { color, type: "dotted", width: 1 },
          label: { position: "end", formatter: price(last[4]), color: "#fff", backgroundColor: color, padding: [2, 4], borderRadius: 2, fontSize: 11 } });
      }
      if (this.head.added_ms !== null && this.head.caught > 0) {
        const at = Math.min(this.head.caught, this.rows.length - 1);
        marks.push({ xAxis: at, lineStyle: { color: ACCENT, type: "solid", width: 1 },
          label: { position: "end", align: "right", offset: [-6, 20], formatter: `added ${this.time.format(this.head.added_ms)}`, color: ACCENT, fontSize: 11 } });
      }
      return { symbol: "none", silent: true, animation: false, data: marks };
    },
    area() {
      const caught = this.head.caught;
      const data = caught > 0 ? [[{ xAxis: 0 }, { xAxis: Math.min(caught, this.rows.length - 1) }]] : [];
      return { silent: true, animation: false, itemStyle: { color: SHADE }, data };
    },
    label(start) {
      const text = this.time.format(start);
      const day = this.day.format(start);
      const first = this.rows.length ? this.day.format(this.rows[0][0]) : day;
      return first === this.day.format(this.rows.at(-1)?.[0] ?? start) ? text : `${day} ${text}`;
    },
    point(index) {
      this.pointed = index;
      const row = this.rows[index ?? this.rows.length - 1];
      this.$refs.name.textContent = this.head ? `${this.head.symbol} · ${this.head.interval}` : "";
      if (!row) {
        this.$refs.values.textContent = "";
        return;
      }
      const change = ((row[4] - row[1]) / row[1]) * 100;
      const sign = change >= 0 ? "+" : "";
      this.$refs.values.textContent =
        `${this.label(row[0])}  O ${price(row[1])}  H ${price(row[2])}  L ${price(row[3])}  C ${price(row[4])}  ${sign}${change.toFixed(2)}%  Vol ${volume(row[5])}`;
      this.$refs.values.className = row[4] >= row[1] ? "up" : "down";
    },
  },
};

function formatter(zone, parts) {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...parts });
  } catch {
    return new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...parts });
  }
}

function price(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 10000 ? 0 : size >= 1 ? 2 : 4);
}

function volume(value) {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)}B`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(value >= 1e4 ? 0 : 1)}K`;
  return String(Math.round(value));
}
