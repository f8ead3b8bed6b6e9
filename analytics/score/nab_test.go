package score_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/analytics/detect/series"
	"github.com/waybill-dev/waybill/analytics/evaluate"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/testdata"
)

func TestTheBenchmarkScoresTheSameRowByRow(t *testing.T) {
	if testing.Short() {
		t.Skip("two passes over 92,000 rows")
	}
	files, err := evaluate.ReadNAB(os.DirFS(filepath.Join(testdata.Dir(t), "nab")))
	if err != nil {
		t.Fatal(err)
	}
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	want, err := evaluate.NABRun(files, series.Default())
	if err != nil {
		t.Fatal(err)
	}
	var got []*evaluate.NABSeries
	for _, f := range files {
		l, err := score.NewLogger(m, 1, nil, -1)
		if err != nil {
			t.Fatal(err)
		}
		scores := make([]float64, len(f.Values))
		for i, v := range f.Values {
			r, err := l.Observe(ledger.MillisOf(f.Times[i]), []float64{v})
			if err != nil {
				t.Fatalf("%s row %d: %v", f.Key, i+1, err)
			}
			scores[i] = r.Score
		}
		s, err := evaluate.NewNABSeries(f.Key, f.Times, scores, f.Windows)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	for _, p := range evaluate.NABProfiles() {
		for _, threshold := range []float64{0.05, 0.15, 0.5} {
			if a, b := evaluate.NABFixed(got, p, threshold), evaluate.NABFixed(want, p, threshold); a != b {
				t.Errorf("%s at %v: %+v, want %+v", p.Name, threshold, a, b)
			}
		}
	}
}
