package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const start = ledger.Millis(1_767_225_600_000)

func journey(n int) *Chart {
	var temperature, score Points
	for i := range n {
		at := start + ledger.Millis(i)*60_000
		v := 5 + math.Sin(float64(i)/30)
		if i > n/2 && i < n/2+60 {
			v += 9
		}
		temperature.Add(at, v)
		score.Add(at, min(1, math.Abs(v-5)/10))
	}
	freeze := int32(-500)
	p := &ledger.Policy{Low: 2_000, High: 8_000, ExcursionLow: 0, ExcursionHigh: 15_000, FreezeBelow: &freeze}
	return &Chart{
		Title:   "pallet <1> & more",
		Panels:  []Panel{{Name: "temperature, °C", Lines: []Line{{"logger 1", temperature}}, Limits: LimitsOf(p)}, {Name: "score", Lines: []Line{{"score", score}}, Unit01: true}},
		Windows: []Window{{start + ledger.Millis(n/2)*60_000, start + ledger.Millis(n/2+60)*60_000, "above_range", Grave}},
		Marks:   []Mark{{start + ledger.Millis(n/2)*60_000, "alarm", Grave}},
	}
}

func TestAChartIsAPicture(t *testing.T) {
	c := journey(600)
	var svg, pixels bytes.Buffer
	if err := c.Write(&svg, SVG); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(svg.Bytes()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"temperature, °C", "recommended 2 °C to 8 °C", "above_range", "2026-01-01", "pallet &lt;1&gt; &amp; more"} {
		if !strings.Contains(svg.String(), want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
	if err := c.Write(&pixels, PNG); err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("WAYBILL_PLOTS"); dir != "" {
		_ = os.WriteFile(dir+"/journey.png", pixels.Bytes(), 0o600)
		_ = os.WriteFile(dir+"/journey.svg", svg.Bytes(), 0o600)
	}
	image, err := png.Decode(&pixels)
	if err != nil || image.Bounds().Dx() < 900 {
		t.Fatalf("%v, %v", image, err)
	}
}

func TestTheSameChartIsTheSamePicture(t *testing.T) {
	var a, b bytes.Buffer
	if err := errors.Join(journey(300).Write(&a, SVG), journey(300).Write(&b, SVG)); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error(err)
	}
}

func TestNothingToDrawIsRefused(t *testing.T) {
	for name, c := range map[string]*Chart{
		"no panel": {}, "no reading": {Panels: []Panel{{Name: "t", Lines: []Line{{}}}}}, "too many": {Panels: make([]Panel, MaxPanels+1)},
	} {
		if err := c.Write(io.Discard, SVG); !errors.Is(err, ErrChart) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := journey(3).Write(io.Discard, "gif"); !errors.Is(err, ErrChart) {
		t.Error(err)
	}
	for name, ok := range map[string]bool{"a.svg": true, "b.x.PNG": true, "svg": false, "a.pdf": false, "": false} {
		if _, err := FormatOf(name); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLongSeriesKeepTheirExtremesInFewPoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Points
		n := rapid.IntRange(1, 30_000).Draw(t, "n")
		peak := rapid.IntRange(0, n-1).Draw(t, "peak")
		for i := range n {
			v := float64(i % 7)
			if i == peak {
				v = 100
			}
			p.Add(start+ledger.Millis(i), v)
		}
		from, to, ok := p.span()
		low, high := p.extremes()
		if p.Len() > maxBins || !ok || from != float64(start)/1000 || math.Abs(to-float64(start+ledger.Millis(n-1))/1000) > 1e-6 || high != 100 || n > 8 && low > 1 {
			t.Fatalf("%d bins, %v to %v, %v to %v", p.Len(), from, to, low, high)
		}
	})
}

func TestAnySeriesIsDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Points
		for range rapid.IntRange(1, 40).Draw(t, "n") {
			p.Add(ledger.Millis(rapid.Int64Range(-2_000_000_000_000, 7_000_000_000_000).Draw(t, "at")),
				rapid.OneOf(rapid.Float64Range(-1e300, 1e300), rapid.SampledFrom([]float64{0, 1, math.NaN(), math.Inf(1), 1e-300})).Draw(t, "v"))
		}
		if p.Len() == 0 {
			return
		}
		c := Chart{Title: rapid.String().Draw(t, "title"), Panels: []Panel{{Name: rapid.String().Draw(t, "name"), Lines: []Line{{Points: p}}}}}
		if err := c.Write(io.Discard, SVG); err != nil {
			t.Fatal(err)
		}
	})
}
