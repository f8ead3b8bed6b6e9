package protocolsim

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/plot"
)

// Graphs are what each strategy earns a round against the chance that honest scorers look, and what a cartel earns against
// its stake.
func (r Report) Graphs() []plot.Graph {
	const earned = "credits a round, after costs"
	alone := plot.Graph{Title: "one scorer of the panel, or three fourths of it (reorder)", X: "chance that an honest scorer looks at what others revealed", Y: earned}
	for _, s := range append([]Strategy{Honest, Reorder}, Strategies()...) {
		if s != Cartel {
			alone.Curves = append(alone.Curves, r.curve(string(s), func(row Row) (float64, bool) { return row.Watch, row.Strategy == s }))
		}
	}
	graphs := []plot.Graph{alone}
	cartels := plot.Graph{Title: "cartels", X: "share of the stake", Y: earned}
	var watches []float64
	for _, row := range r.Rows {
		if row.Strategy == Cartel && !slices.Contains(watches, row.Watch) {
			watches = append(watches, row.Watch)
			cartels.Curves = append(cartels.Curves, r.curve(fmt.Sprintf("%.0f %% look", 100*row.Watch), func(other Row) (float64, bool) {
				return other.Share, other.Strategy == Cartel && other.Watch == row.Watch
			}))
		}
	}
	if len(cartels.Curves) > 0 {
		graphs = append(graphs, cartels)
	}
	return graphs
}

// curve joins the values of the rows that at places on the axis.
func (r Report) curve(name string, at func(Row) (x float64, ok bool)) plot.Curve {
	c := plot.Curve{Name: name}
	for _, row := range r.Rows {
		if x, ok := at(row); ok {
			c.X, c.Y = append(c.X, x), append(c.Y, row.Value)
		}
	}
	return c
}
