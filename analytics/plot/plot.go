// Package plot draws series of readings: the readings of each channel with the limits of a policy, the
// windows that verdicts speak of, scores and alarms, as SVG or PNG. It keeps a bounded number of points
// however long a series is, so that the highest and the lowest are still seen. It owns pictures only;
// it may import gonum/plot and chaincode/ledger, and decides nothing.
package plot

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrChart says that there is nothing to draw or too much.
var ErrChart = errors.New("WB_PLOT")

// Bounds of a chart.
const (
	MaxPanels = 12 // channels
	MaxLines  = 8  // series in a panel
	MaxMarks  = 2_000
)

// Format is a kind of picture.
type Format string

// The formats.
const (
	SVG Format = "svg"
	PNG Format = "png"
)

// FormatOf gives the format of a file's name.
func FormatOf(name string) (Format, error) {
	i := strings.LastIndexByte(name, '.')
	if f := Format(strings.ToLower(name[i+1:])); i >= 0 && (f == SVG || f == PNG) {
		return f, nil
	}
	return "", fmt.Errorf("%w: %q does not end in .svg or .png", ErrChart, name)
}

// Kind is how grave what is marked is.
type Kind uint8

// The kinds.
const (
	Note Kind = iota
	Warning
	Grave
)

// Line is one series in a panel.
type Line struct {
	Name   string
	Points Points
}

// Limit is a level that a policy sets.
type Limit struct {
	Name  string
	Value float64
	Kind  Kind
}

// Panel is one quantity.
type Panel struct {
	Name   string // of the quantity, with its unit
	Lines  []Line
	Limits []Limit
	// Unit01 fixes the range to 0 to 1, as scores have it.
	Unit01 bool
}

// Window is a time that a verdict speaks of.
type Window struct {
	From, To ledger.Millis
	Name     string
	Kind     Kind
}

// Mark is an instant at which something is told, such as an alarm.
type Mark struct {
	At   ledger.Millis
	Name string
	Kind Kind
}

// Chart is a picture: panels above each other over one axis of time, windows and marks through all.
type Chart struct {
	Title   string
	Panels  []Panel
	Windows []Window
	Marks   []Mark
}

// palette is that of Okabe and Ito (2008), which colour-blind people can tell apart.
func palette(i int) color.Color {
	colours := [...]color.NRGBA{
		{0, 114, 178, 255},
		{0, 158, 115, 255},
		{204, 121, 167, 255},
		{86, 180, 233, 255},
		{230, 159, 0, 255},
		{110, 110, 110, 255},
		{148, 103, 30, 255},
		{60, 60, 140, 255},
	}
	return colours[i%len(colours)]
}

func (k Kind) colour(alpha uint8) color.Color {
	switch k {
	case Grave:
		return color.NRGBA{213, 30, 0, alpha}
	case Warning:
		return color.NRGBA{230, 140, 0, alpha}
	case Note:
	}
	return color.NRGBA{90, 90, 90, alpha}
}

// shade is the colour of a window.
func (k Kind) shade(i int) color.Color {
	if k == Note {
		return k.colour(46)
	}
	hues := [...]color.NRGBA{{213, 30, 0, 46}, {230, 150, 0, 60}, {150, 40, 140, 46}, {110, 90, 30, 46}}
	return hues[i%len(hues)]
}

// Write draws the chart. It fails with ErrChart if there is nothing to draw.
func (c *Chart) Write(w io.Writer, f Format) error {
	if len(c.Panels) == 0 || len(c.Panels) > MaxPanels {
		return fmt.Errorf("%w: %d channels, 1 to %d are drawn", ErrChart, len(c.Panels), MaxPanels)
	}
	from, to := math.Inf(1), math.Inf(-1)
	for i := range c.Panels {
		for j := range c.Panels[i].Lines {
			begin, end, ok := c.Panels[i].Lines[j].Points.span()
			if ok {
				from, to = min(from, begin), max(to, end)
			}
		}
	}
	if from > to {
		return fmt.Errorf("%w: there are no readings to draw", ErrChart)
	}
	if from == to {
		from, to = from-30, to+30
	}
	plots := make([][]*gonum.Plot, len(c.Panels))
	for i := range c.Panels {
		plots[i] = []*gonum.Plot{c.panel(i, from, to)}
	}
	const width, head, each, foot = 960, 30, 170, 24
	height := vg.Length(head + each*len(c.Panels) + foot)
	canvas, err := newCanvas(f, width, height)
	if err != nil {
		return err
	}
	dc := draw.New(canvas)
	dc.SetColor(color.White)
	dc.Fill(dc.Path())
	tiles := draw.Tiles{Rows: len(plots), Cols: 1, PadTop: 4, PadBottom: 8, PadLeft: 8, PadRight: 16, PadY: 6}
	for i, row := range gonum.Align(plots, tiles, dc) {
		plots[i][0].Draw(row[0])
	}
	_, err = canvas.WriteTo(w)
	return err
}

func newCanvas(f Format, width, height vg.Length) (vg.CanvasWriterTo, error) {
	switch f {
	case SVG:
		return vgsvg.New(width, height), nil
	case PNG:
		return vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(110))}, nil
	}
	return nil, fmt.Errorf("%w: format %q is not svg or png", ErrChart, string(f))
}

func sans(size vg.Length) font.Font {
	return font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
}

// panel makes the plot of a quantity.
func (c *Chart) panel(i int, from, to float64) *gonum.Plot {
	panel := &c.Panels[i]
	p := gonum.New()
	p.Title.TextStyle.Font, p.X.Label.TextStyle.Font, p.Y.Label.TextStyle.Font = sans(12), sans(9), sans(9)
	p.X.Tick.Label.Font, p.Y.Tick.Label.Font, p.Legend.TextStyle.Font = sans(8), sans(8), sans(8)
	if i == 0 {
		p.Title.Text = shown(c.Title)
		p.Title.Padding = 6
	}
	p.Y.Label.Text = shown(panel.Name)
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.ThumbnailWidth, p.Legend.Padding = 16, 2
	low, high := math.Inf(1), math.Inf(-1)
	named := map[string]bool{}
	legend := func(name string, t gonum.Thumbnailer) {
		if name != "" && !named[name] && len(named) < 8 {
			named[name] = true
			p.Legend.Add(shown(name), t)
		}
	}
	hues := map[string]int{} // windows of one name look alike
	for _, w := range c.Windows {
		if _, ok := hues[w.Name]; !ok {
			hues[w.Name] = len(hues)
		}
		b := band{float64(w.From) / 1000, float64(w.To) / 1000, w.Kind.shade(hues[w.Name])}
		p.Add(b)
		if i == 0 {
			legend(w.Name, b)
		}
	}
	for j := range panel.Lines {
		l := &panel.Lines[j]
		least, most := l.Points.extremes()
		low, high = min(low, least), max(high, most)
		t := trace{l.Points.bins, draw.LineStyle{Color: palette(j), Width: 1.1}}
		p.Add(t)
		if len(panel.Lines) > 1 {
			legend(l.Name, t)
		}
	}
	for _, l := range panel.Limits {
		h := level{l.Value, draw.LineStyle{Color: l.Kind.colour(255), Width: 0.8, Dashes: []vg.Length{5, 3}}}
		p.Add(h)
		legend(l.Name, h)
		// A limit that lies far away would flatten the readings.
		if room := 1.5 * max(high-low, 1e-9); l.Value >= low-room && l.Value <= high+room || l.Kind == Warning {
			low, high = min(low, l.Value), max(high, l.Value)
		}
	}
	for _, m := range c.Marks[:min(len(c.Marks), MaxMarks)] {
		t := tick{float64(m.At) / 1000, draw.LineStyle{Color: m.Kind.colour(220), Width: 1}}
		p.Add(t)
		if i == 0 {
			legend(m.Name, t)
		}
	}
	if panel.Unit01 {
		low, high = 0, 1
	}
	if !(low <= high) {
		low, high = 0, 1
	}
	room := 0.06 * (high - low)
	if room == 0 {
		room = max(0.5, math.Abs(high)*0.02)
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = from, to, low-room, high+room
	if panel.Unit01 {
		p.Y.Min, p.Y.Max = 0, 1.02
	}
	p.X.Tick.Marker = clock{}
	p.X.Padding, p.Y.Padding = 2, 2
	return p
}

// shown replaces what is no printable text.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}

// clock marks an axis of seconds since 1970 with round times, in UTC.
type clock struct{}

// Ticks gives at most about ten.
func (clock) Ticks(from, to float64) []gonum.Tick {
	const day = 86_400
	steps := []float64{
		0.001, 0.01, 0.1, 1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, day, 2 * day, 7 * day, 14 * day, 30 * day,
		91 * day, 182 * day, 365 * day, 5 * 365 * day, 20 * 365 * day, 100 * 365 * day,
	}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if (to-from)/s <= 12 {
			step = s
			break
		}
	}
	var ticks []gonum.Tick
	lastDay := ""
	for at := math.Ceil(from/step) * step; at <= to && len(ticks) < 50; at += step {
		t := time.UnixMilli(int64(math.Round(at * 1000))).UTC()
		date, label := t.Format(time.DateOnly), t.Format("15:04")
		switch {
		case step < 1:
			label = t.Format("15:04:05.000")
		case step < 60:
			label = t.Format("15:04:05")
		case step >= day:
			label = date
		}
		if step < day && date != lastDay {
			label = date + "\n" + label
			lastDay = date
		}
		ticks = append(ticks, gonum.Tick{Value: at, Label: label})
	}
	return ticks
}

// band shades a time.
type band struct {
	from, to float64
	colour   color.Color
}

// Plot draws it.
func (b band) Plot(c draw.Canvas, p *gonum.Plot) {
	x, _ := p.Transforms(&c)
	left, right := max(x(b.from), c.Min.X), min(x(b.to), c.Max.X)
	if right < c.Min.X || left > c.Max.X {
		return
	}
	right = max(right, left+1)
	c.FillPolygon(b.colour, []vg.Point{{X: left, Y: c.Min.Y}, {X: right, Y: c.Min.Y}, {X: right, Y: c.Max.Y}, {X: left, Y: c.Max.Y}})
}

// Thumbnail draws its sign in the legend.
func (b band) Thumbnail(c *draw.Canvas) {
	c.FillPolygon(b.colour, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
}

// level is a horizontal line.
type level struct {
	y     float64
	style draw.LineStyle
}

// Plot draws it where it is in sight.
func (l level) Plot(c draw.Canvas, p *gonum.Plot) {
	_, y := p.Transforms(&c)
	if at := y(l.y); at >= c.Min.Y && at <= c.Max.Y {
		c.StrokeLine2(l.style, c.Min.X, at, c.Max.X, at)
	}
}

// Thumbnail draws its sign in the legend.
func (l level) Thumbnail(c *draw.Canvas) {
	c.StrokeLine2(l.style, c.Min.X, c.Center().Y, c.Max.X, c.Center().Y)
}

// tick is a vertical line.
type tick struct {
	x     float64
	style draw.LineStyle
}

// Plot draws it where it is in sight.
func (t tick) Plot(c draw.Canvas, p *gonum.Plot) {
	x, _ := p.Transforms(&c)
	if at := x(t.x); at >= c.Min.X && at <= c.Max.X {
		c.StrokeLine2(t.style, at, c.Min.Y, at, c.Max.Y)
	}
}

// Thumbnail draws its sign in the legend.
func (t tick) Thumbnail(c *draw.Canvas) {
	c.StrokeLine2(t.style, c.Center().X, c.Min.Y, c.Center().X, c.Max.Y)
}

// trace is a line through points, broken where there were none for long.
type trace struct {
	bins  []bin
	style draw.LineStyle
}

// Plot draws it.
func (t trace) Plot(c draw.Canvas, p *gonum.Plot) {
	x, y := p.Transforms(&c)
	var line []vg.Point
	long := 8 * typical(t.bins)
	flush := func() {
		switch {
		case len(line) == 1:
			c.DrawGlyph(draw.GlyphStyle{Color: t.style.Color, Radius: 1.2, Shape: draw.CircleGlyph{}}, line[0])
		case len(line) > 1:
			c.StrokeLines(t.style, c.ClipLinesXY(line)...)
		}
		line = line[:0]
	}
	last := math.Inf(-1)
	for _, b := range t.bins {
		if b.at-last > long {
			flush()
		}
		last = b.to
		line = append(line, vg.Point{X: x(b.at), Y: y(b.first)})
		if b.low < min(b.first, b.last) {
			line = append(line, vg.Point{X: x(b.at), Y: y(b.low)})
		}
		if b.high > max(b.first, b.last) {
			line = append(line, vg.Point{X: x(b.at), Y: y(b.high)})
		}
		if b.to > b.at {
			line = append(line, vg.Point{X: x(b.to), Y: y(b.last)})
		}
	}
	flush()
}

// Thumbnail draws its sign in the legend.
func (t trace) Thumbnail(c *draw.Canvas) {
	c.StrokeLine2(t.style, c.Min.X, c.Center().Y, c.Max.X, c.Center().Y)
}

// typical is the median time from one bin to the next.
func typical(bins []bin) float64 {
	if len(bins) < 3 {
		return math.Inf(1)
	}
	steps := make([]float64, 0, len(bins)-1)
	for i := 1; i < len(bins); i++ {
		steps = append(steps, bins[i].at-bins[i-1].at)
	}
	slices.Sort(steps)
	return cmp.Or(steps[len(steps)/2], math.Inf(1))
}

// Degrees writes thousandths of a degree Celsius for a limit's name.
func Degrees(milli int32) string {
	return strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64) + " °C"
}

// LimitsOf gives a policy's limits: the recommended range, and the range of excursions.
func LimitsOf(p *ledger.Policy) []Limit {
	if p == nil {
		return nil
	}
	limits := []Limit{
		{"recommended " + Degrees(p.Low) + " to " + Degrees(p.High), milli(p.Low), Warning},
		{"recommended " + Degrees(p.Low) + " to " + Degrees(p.High), milli(p.High), Warning},
	}
	excursions := "excursions " + Degrees(p.ExcursionLow) + " to " + Degrees(p.ExcursionHigh)
	if p.ExcursionLow < p.Low {
		limits = append(limits, Limit{excursions, milli(p.ExcursionLow), Grave})
	}
	if p.ExcursionHigh > p.High {
		limits = append(limits, Limit{excursions, milli(p.ExcursionHigh), Grave})
	}
	return limits
}

func milli(v int32) float64 { return float64(v) / 1000 }
