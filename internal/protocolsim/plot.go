package protocolsim

import (
	"fmt"
	"image/color"
	"io"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Draw writes the report's picture: what each strategy earns a round against the chance that honest scorers look, and what
// a cartel earns against its stake. png chooses between PNG and SVG.
func (r Report) Draw(w io.Writer, png bool) error {
	alone, cartels := r.panel("one scorer of the panel", "chance that an honest scorer looks at what others revealed"), r.panel("cartels", "share of the stake")
	strategies := append([]Strategy{Honest}, Strategies()...)
	var err error
	for i, s := range strategies {
		if s != Cartel {
			err = line(alone, i, string(s), r.Rows, func(row Row) (float64, bool) { return row.Watch, row.Strategy == s }, err)
		}
	}
	var watches []float64
	for _, row := range r.Rows {
		if !slices.Contains(watches, row.Watch) {
			watches = append(watches, row.Watch)
		}
	}
	for i, watch := range watches {
		err = line(cartels, i, fmt.Sprintf("%.0f %% look", 100*watch), r.Rows, func(row Row) (float64, bool) {
			return row.Share, row.Strategy == Cartel && row.Watch == watch
		}, err)
	}
	if err != nil {
		return err
	}
	const width, height = 11 * vg.Inch, 5 * vg.Inch
	var canvas interface {
		vg.CanvasSizer
		io.WriterTo
	} = vgsvg.New(width, height)
	if png {
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(110))}
	}
	tiles := draw.Tiles{Rows: 1, Cols: 2, PadTop: 4, PadBottom: 8, PadLeft: 8, PadRight: 16, PadX: 16}
	plots := [][]*plot.Plot{{alone, cartels}}
	dc := draw.New(canvas)
	dc.SetColor(color.White)
	dc.Fill(dc.Rectangle.Path())
	for i, c := range plot.Align(plots, tiles, dc)[0] {
		plots[0][i].Draw(c)
	}
	_, err = canvas.WriteTo(w)
	return err
}

func (r Report) panel(title, x string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, "credits a round, after costs"
	p.Legend.Top, p.Legend.XOffs = false, -4
	p.Legend.Left = true
	zero := plotter.NewFunction(func(float64) float64 { return 0 })
	zero.Color = color.Gray{Y: 160}
	p.Add(plotter.NewGrid(), zero)
	return p
}

// line adds a strategy's values; at gives where a row stands on the axis, if it is of the line.
func line(p *plot.Plot, i int, name string, rows []Row, at func(Row) (float64, bool), before error) error {
	if before != nil {
		return before
	}
	var points plotter.XYs
	for _, row := range rows {
		if x, ok := at(row); ok {
			points = append(points, plotter.XY{X: x, Y: row.Value})
		}
	}
	if len(points) == 0 {
		return nil
	}
	slices.SortFunc(points, func(a, b plotter.XY) int {
		if a.X < b.X {
			return -1
		}
		return 1
	})
	l, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	l.Color, l.Dashes, l.Width = plotutil.Color(i), plotutil.Dashes(i/7), 1.5
	marks.Color, marks.Shape, marks.Radius = plotutil.Color(i), plotutil.Shape(i), 2.5
	p.Add(l, marks)
	p.Legend.Add(name, l, marks)
	return nil
}
