package plot

import (
	"bytes"
	"errors"
	"image/png"
	"math"
	"strings"
	"testing"
)

func TestGraphsAreDrawnSideBySide(t *testing.T) {
	one := Graph{Title: "what", X: "x", Y: "y", Curves: []Curve{{Name: "a", X: []float64{1, 0, 2}, Y: []float64{3, -4, 5}}, {Name: "b", X: []float64{1}, Y: []float64{1}}}}
	var svg bytes.Buffer
	if err := WriteGraphs(&svg, SVG, one, one); err != nil || !strings.Contains(svg.String(), "what") {
		t.Fatal(err)
	}
	var picture bytes.Buffer
	if err := WriteGraphs(&picture, PNG, one); err != nil {
		t.Fatal(err)
	}
	if image, err := png.Decode(&picture); err != nil || image.Bounds().Dx() < 400 {
		t.Fatal(err)
	}
}

func TestGraphsOfNothingAreRefused(t *testing.T) {
	for what, graphs := range map[string][]Graph{
		"none":           nil,
		"no curve":       {{}},
		"no point":       {{Curves: []Curve{{}}}},
		"half a point":   {{Curves: []Curve{{X: []float64{1}}}}},
		"no number":      {{Curves: []Curve{{X: []float64{1}, Y: []float64{math.NaN()}}}}},
		"too many":       make([]Graph, maxGraphs+1),
		"endless curves": {{Curves: make([]Curve, maxCurves+1)}},
	} {
		if err := WriteGraphs(&bytes.Buffer{}, SVG, graphs...); !errors.Is(err, ErrChart) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
