package trace

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/epcis"
)

// Balance compares what a transformation took in with what came out of it.
type Balance struct {
	Transformation string // the node's identifier
	Amounts        []Amount
	// Unstated counts the entries of quantity lists without an amount that can be added up.
	UnstatedInputs, UnstatedOutputs int
}

// Amount is what went in and came out in one dimension of measure, in one unit of it.
type Amount struct {
	Dimension       string // such as mass; empty for counted objects
	UOM             string // UN/CEFACT code; empty for counted objects
	Inputs, Outputs float64
}

// Difference is what came out beyond what went in; below zero is what was lost.
func (a Amount) Difference() float64 { return rounded(a.Outputs - a.Inputs) }

// balances adds up the transformations of an answer.
func (w *walk) balances(ctx context.Context, g *Graph) error {
	if err := w.loadRuns(ctx, w.order); err != nil {
		return err
	}
	for _, k := range w.order {
		if k.process {
			g.Balances = append(g.Balances, balanceOf(k.id, w.eventsOf(k)))
		}
	}
	return nil
}

func balanceOf(id string, events []*Event) Balance {
	b := Balance{Transformation: id}
	type sum struct {
		in, out float64 // in the base unit
		uom     string
	}
	sums := map[string]*sum{}
	for _, e := range events {
		for _, m := range e.Members {
			quantity, uom := m.Quantity, m.UOM
			if !m.Class {
				quantity, uom = "1", ""
			}
			dimension, amount, ok := query.Measure(quantity, uom)
			input := m.Role == epcis.RoleInput
			switch {
			case !ok && input:
				b.UnstatedInputs++
				continue
			case !ok:
				b.UnstatedOutputs++
				continue
			}
			s := sums[dimension]
			if s == nil {
				s = &sum{uom: uom}
				sums[dimension] = s
			}
			// One unit is as good as another; the first by its code is the same for every order.
			s.uom = min(s.uom, uom)
			if input {
				s.in += amount
			} else {
				s.out += amount
			}
		}
	}
	for _, dimension := range slices.SortedFunc(maps.Keys(sums), cmp.Compare[string]) {
		s := sums[dimension]
		a := Amount{Dimension: dimension, UOM: s.uom, Inputs: s.in, Outputs: s.out}
		if _, one, ok := query.MeasureDifference("1", s.uom); ok && one != 0 {
			a.Inputs, a.Outputs = rounded(s.in/one), rounded(s.out/one)
		}
		b.Amounts = append(b.Amounts, a)
	}
	return b
}

// rounded takes away what converting and adding up put after the digits that were sent.
func rounded(f float64) float64 {
	const digits = 12
	r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', digits, 64), 64)
	if err != nil {
		return f
	}
	return r
}
