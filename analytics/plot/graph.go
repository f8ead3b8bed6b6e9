package plot

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Curve is a named line through points.
type Curve struct {
	Name string
	X, Y []float64 // as many of each, in any order of X
}

// Graph is curves over one pair of axes, with a line at zero.
type Graph struct {
	Title, X, Y string
	Curves      []Curve
}

// Bounds of graphs.
const (
	maxGraphs      = 4
	maxCurves      = 16
	maxCurvePoints = 10_000
)

func (g Graph) check() error {
	if len(g.Curves) == 0 || len(g.Curves) > maxCurves {
		return fmt.Errorf("%w: a graph has 1 to %d curves", ErrChart, maxCurves)
	}
	for _, c := range g.Curves {
		if len(c.X) == 0 || len(c.X) != len(c.Y) || len(c.X) > maxCurvePoints {
			return fmt.Errorf("%w: a curve has from 1 to %d points", ErrChart, maxCurvePoints)
		}
		for i := range c.X {
			if math.IsNaN(c.X[i]+c.Y[i]) || math.IsInf(c.X[i], 0) || math.IsInf(c.Y[i], 0) {
				return fmt.Errorf("%w: a point of %q is no number", ErrChart, c.Name)
			}
		}
	}
	return nil
}

// WriteGraphs draws graphs side by side.
func WriteGraphs(w io.Writer, f Format, graphs ...Graph) error {
	if len(graphs) == 0 || len(graphs) > maxGraphs {
		return fmt.Errorf("%w: a picture has 1 to %d graphs", ErrChart, maxGraphs)
	}
	plots := [][]*gonum.Plot{make([]*gonum.Plot, len(graphs))}
	for i, g := range graphs {
		if err := g.check(); err != nil {
			return err
		}
		p, err := g.plot()
		if err != nil {
			return err
		}
		plots[0][i] = p
	}
	const each, height = 480, 360
	canvas, err := newCanvas(f, vg.Length(each*len(graphs)), height)
	if err != nil {
		return err
	}
	dc := draw.New(canvas)
	dc.SetColor(color.White)
	dc.Fill(dc.Path())
	tiles := draw.Tiles{Rows: 1, Cols: len(graphs), PadTop: 4, PadBottom: 8, PadLeft: 8, PadRight: 16, PadX: 16}
	for i, c := range gonum.Align(plots, tiles, dc)[0] {
		plots[0][i].Draw(c)
	}
	_, err = canvas.WriteTo(w)
	return err
}

func (g Graph) plot() (*gonum.Plot, error) {
	p := gonum.New()
	p.Title.TextStyle.Font, p.X.Label.TextStyle.Font, p.Y.Label.TextStyle.Font = sans(12), sans(9), sans(9)
	p.X.Tick.Label.Font, p.Y.Tick.Label.Font, p.Legend.TextStyle.Font = sans(8), sans(8), sans(8)
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = shown(g.Title), shown(g.X), shown(g.Y)
	p.Legend.Left, p.Legend.ThumbnailWidth, p.Legend.Padding = true, 16, 2
	zero := plotter.NewFunction(func(float64) float64 { return 0 })
	zero.Color = color.Gray{Y: 160}
	p.Add(plotter.NewGrid(), zero)
	for i, c := range g.Curves {
		points := make(plotter.XYs, len(c.X))
		for k := range c.X {
			points[k] = plotter.XY{X: c.X[k], Y: c.Y[k]}
		}
		slices.SortStableFunc(points, func(a, b plotter.XY) int {
			switch {
			case a.X < b.X:
				return -1
			case a.X > b.X:
				return 1
			}
			return 0
		})
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrChart, err)
		}
		line.Color, line.Dashes, line.Width = plotutil.Color(i), plotutil.Dashes(i/7), 1.5
		marks.Color, marks.Shape, marks.Radius = plotutil.Color(i), plotutil.Shape(i), 2.5
		p.Add(line, marks)
		p.Legend.Add(shown(c.Name), line, marks)
	}
	return p, nil
}
