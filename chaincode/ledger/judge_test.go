package ledger_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/epcis/unit"
)

func TestDistancesAreThoseOfTheHaversine(t *testing.T) {
	for name, c := range map[string]struct {
		a, b ledger.LatLon
		want int64
	}{
		"the same place":     {ledger.LatLon{Lat: 52520000, Lon: 13405000}, ledger.LatLon{Lat: 52520000, Lon: 13405000}, 0},
		"pole to pole":       {ledger.LatLon{Lat: 90000000}, ledger.LatLon{Lat: -90000000}, 20015115},
		"over the date line": {ledger.LatLon{Lon: 179999999}, ledger.LatLon{Lon: -179999999}, 0},
		"a quarter":          {ledger.LatLon{}, ledger.LatLon{Lon: 90000000}, 10007557},
		"Berlin to Munich":   {ledger.LatLon{Lat: 52520000, Lon: 13405000}, ledger.LatLon{Lat: 48137000, Lon: 11575000}, 504338},
	} {
		if got := ledger.Distance(c.a, c.b); got < c.want-5 || got > c.want+5 {
			t.Errorf("%s: %d m, not %d", name, got, c.want)
		}
	}
}

func TestDistancesMeetFloatingPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func() ledger.LatLon {
			return ledger.LatLon{Lat: rapid.Int32Range(-90000000, 90000000).Draw(t, "lat"), Lon: rapid.Int32Range(-180000000, 180000000).Draw(t, "lon")}
		}
		a, b := draw(), draw()
		if rapid.Bool().Draw(t, "near") {
			b = ledger.LatLon{Lat: max(-90000000, min(90000000, a.Lat+rapid.Int32Range(-5000, 5000).Draw(t, "north"))), Lon: max(-180000000, min(180000000, a.Lon+rapid.Int32Range(-5000, 5000).Draw(t, "east")))}
		}
		rad := func(micro int32) float64 { return float64(micro) / 1e6 * math.Pi / 180 }
		square := func(x float64) float64 { return x * x }
		h := square(math.Sin((rad(a.Lat)-rad(b.Lat))/2)) + math.Cos(rad(a.Lat))*math.Cos(rad(b.Lat))*square(math.Sin((rad(a.Lon)-rad(b.Lon))/2))
		want := 2 * 6371009 * math.Asin(math.Sqrt(min(1, h)))
		got := ledger.Distance(a, b)
		if math.Abs(float64(got)-want) > 2 || got != ledger.Distance(b, a) {
			t.Fatalf("%v to %v: %d m, floating point says %f", a, b, got, want)
		}
	})
}

func amount(t *testing.T, quantity, uom string) (ledger.Amount, bool) {
	t.Helper()
	in := read(t, 1, fields{"type": "ObjectEvent", "action": "OBSERVE", "quantityList": []fields{{"epcClass": "urn:epc:class:lgtin:9506000.013435.L", "quantity": 1, "uom": uom}}})
	in.Event.Quantities[0].Quantity = epcis.Number(quantity)
	again := ledger.ReadAmounts(in.Event)
	if len(again) != 1 {
		t.Fatal(again)
	}
	return again[0], again[0].Exact
}

func TestQuantitiesAreReadExactlyOrNotAtAll(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1", "0": "0", "10.5": "10.5", "0.000001": "0.000001", "1e3": "1000", "1.5E-2": "0.015", "1000000000": "1000000000", "12.3000000000": "12.3",
		"0.0000001": "", "-1": "", "1000000001": "", "1e40": "", "1e400": "", "": "",
	} {
		a, exact := amount(t, text, "KGM")
		if exact != (want != "") || exact && a.Micro.String() != want {
			t.Errorf("%q: %s %v", text, a.Micro, exact)
		}
	}
}

func TestManyQuantitiesDoNotTurnAShippingIntoAReceipt(t *testing.T) {
	in := read(t, 1, staged(fields{"action": "OBSERVE", "quantityList": []fields{{"epcClass": "urn:epc:class:lgtin:9506000.013435.L", "quantity": 1_000_000_000}}}, "shipping"))
	for one := in.Amounts[0]; len(in.Amounts) < 9_300; { // their sum is above 2^63 millionths
		in.Amounts = append(in.Amounts, one)
	}
	postings, err := in.Postings("A", func(string) (bool, error) { return true, nil })
	if err != nil || len(postings) != 1 {
		t.Fatal(postings, err)
	}
	if m := postings[0].Move.Micro; m != -in.Amounts[0].Micro {
		t.Errorf("a shipping moves %s", m)
	}
}

func TestAccountsAreTheSameForEveryOrderAndBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moves := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) ledger.Move {
			return ledger.Move{
				At: ledger.Millis(rapid.IntRange(0, 9).Draw(t, "at")), Event: ledger.Digest{byte(rapid.IntRange(0, 255).Draw(t, "event"))},
				Micro: ledger.Micro(rapid.Int64Range(-5, 5).Draw(t, "micro")),
			}
		}), 0, 3*ledger.MaxAccountMoves, func(m ledger.Move) ledger.Digest { return m.Event }).Draw(t, "moves")
		fill := func(moves []ledger.Move) (a ledger.Account) {
			for _, m := range moves {
				a = a.With(m)
			}
			return a
		}
		a, b := fill(moves), fill(rapid.Permutation(moves).Draw(t, "order"))
		if len(a.Moves) > ledger.MaxAccountMoves || a.Base != b.Base || len(a.Moves) != len(b.Moves) {
			t.Fatalf("%d and %d moves, %s and %s before", len(a.Moves), len(b.Moves), a.Base, b.Base)
		}
		for i := range a.Moves {
			if a.Moves[i] != b.Moves[i] {
				t.Fatalf("move %d differs", i)
			}
		}
	})
}

func TestAnItemKeepsItsLatestStepsInEveryOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []ledger.EventInput
		for minute := range rapid.IntRange(ledger.MaxItemSteps, ledger.MaxItemSteps+12).Draw(t, "events") {
			all = append(all, read(t, minute, object("OBSERVE", rapid.SampledFrom([]string{"shipping", "receiving", "inspecting"}).Draw(t, "step"))))
		}
		last := func(order []ledger.EventInput) ledger.ItemState {
			s := ledger.ItemState{EPC: item}
			for _, in := range order {
				s = s.Apply(in, epcis.RoleEPC, by("A"))
			}
			return s
		}
		a, b := last(all), last(rapid.Permutation(all).Draw(t, "order"))
		if len(a.Steps) != ledger.MaxItemSteps || a.Steps[len(a.Steps)-1].Event != all[len(all)-1].Hash {
			t.Fatalf("%d steps", len(a.Steps))
		}
		for i := range a.Steps {
			if a.Steps[i] != b.Steps[i] {
				t.Fatalf("step %d differs", i)
			}
		}
	})
}

func TestPrefixesOfIdentifiers(t *testing.T) {
	for id, want := range map[string][2]string{
		"https://id.gs1.org/01/09506000134352":       {"950600013435", "9506"},
		"https://id.gs1.org/414/9506000000019/254/x": {"950600000001", "9506"},
		"https://id.gs1.org/417/9506000000019":       {"950600000001", "9506"},
	} {
		got := ledger.PrefixesOf(id)
		if len(got) != 9 || got[0] != want[0] || got[8] != want[1] {
			t.Errorf("%s: %v", id, got)
		}
	}
	for _, id := range []string{"https://example.com/place", "https://id.gs1.org/01/0950", "https://id.gs1.org/414/95", ""} {
		if got := ledger.PrefixesOf(id); got != nil {
			t.Errorf("%s: %v", id, got)
		}
	}
}

func TestSeveritiesAndNames(t *testing.T) {
	for _, code := range ledger.FindingCodes() {
		if s := code.Severity().String(); s == "unknown" {
			t.Errorf("%s has no severity", code)
		}
	}
}

func TestAmountsOfOneDimensionAreAccountedInOneUnitExactly(t *testing.T) {
	letters := "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	bases := map[string]string{"mass": "KGM", "volume": "LTR", "length": "MTR"}
	seen := 0
	check := func(code string) {
		u, ok := unit.Of(code)
		base := bases[u.Dimension]
		if !ok || base == "" {
			return
		}
		seen++
		factor, _ := new(big.Rat).SetString(u.Num + "/" + u.Den)
		if base == "LTR" {
			factor.Mul(factor, big.NewRat(1_000, 1))
		}
		for _, micro := range []ledger.Micro{1, 7, 1_000_003} {
			got, uom, exact := ledger.Amount{UOM: code, Micro: micro, Exact: true}.Account()
			want := new(big.Rat).Mul(factor, big.NewRat(int64(micro), 1))
			if !exact { // beyond the bound
				if want.Cmp(big.NewRat(1_000_000_000_000_000_000, 1)) < 0 {
					t.Errorf("%d millionths of %s are not accounted", micro, code)
				}
				continue
			}
			part := new(big.Rat).SetFrac(new(big.Int).SetUint64(got.Part), new(big.Int).SetUint64(3_937*131_072*30_517_578_125))
			if part.Add(part, big.NewRat(int64(got.Micro), 1)); uom != base || part.Cmp(want) != 0 {
				t.Errorf("%d millionths of %s are %v %s, not %v", micro, code, part, uom, want)
			}
		}
	}
	for _, a := range letters {
		for _, b := range letters {
			check(string(a) + string(b))
			for _, c := range letters {
				check(string(a) + string(b) + string(c))
			}
		}
	}
	if seen < 60 {
		t.Errorf("%d units only", seen)
	}
	if got, uom, exact := (ledger.Amount{UOM: "CEL", Micro: 5, Exact: true}).Account(); got.Micro != 5 || uom != "CEL" || !exact {
		t.Error(got, uom, exact)
	}
}
