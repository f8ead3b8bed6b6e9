package evaluate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/analytics/detect/series"
	"github.com/waybill-dev/waybill/internal/testdata"
)

var ablation = flag.Bool("ablation", false, "measure what each part of the series scorer is worth")

func readNAB(tb testing.TB) []NABFile {
	tb.Helper()
	files, err := ReadNAB(os.DirFS(filepath.Join(testdata.Dir(tb), "nab")))
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

func folderOf(key string) string { return strings.Split(key, "/")[0] }

// protocol are the four ways to choose a threshold, from looking at every label to looking at
// none of the folder's.
type protocol struct{ best, file, half, folder float64 }

func measure(all []*NABSeries) (protocol, NABCount, float64) {
	p := NABProfiles()[0]
	half := map[string]string{}
	for i, s := range all {
		half[s.Key] = fmt.Sprint(i % 2)
	}
	threshold := NABBest(all, p)
	count := NABFixed(all, p, threshold)
	return protocol{
		count.Score(p),
		NABLeaveOut(all, p, func(k string) string { return k }).Score(p),
		NABLeaveOut(all, p, func(k string) string { return half[k] }).Score(p),
		NABLeaveOut(all, p, folderOf).Score(p),
	}, count, threshold
}

func TestAblation(t *testing.T) {
	if !*ablation {
		t.Skip("run with -ablation")
	}
	files := readNAB(t)
	try := func(name string, change func(*series.Settings)) {
		set := series.Default()
		change(&set)
		all, err := NABRun(files, set)
		if err != nil {
			t.Fatal(name, err)
		}
		p, c, threshold := measure(all)
		curve := ""
		for _, at := range []float64{0.15, 0.18, 0.2, 0.22, 0.24, 0.26, 0.28, 0.3, 0.33, 0.36, 0.4, 0.5} {
			curve += fmt.Sprintf(" %g:%.0f", at, NABFixed(all, NABProfiles()[0], at).Score(NABProfiles()[0]))
		}
		fmt.Printf("| %-28s | %.1f | %.1f | %.1f | %.1f | %d/%d | %d | at %.3f %s\n", name, p.best, p.file, p.half, p.folder, c.Hit, c.Windows, c.FalseRows, threshold, curve)
	}
	for _, v := range variants {
		if *only == "" || strings.Contains(v.name, *only) {
			try(v.name, v.change)
		}
	}
}

var only = flag.String("only", "", "measure only variants whose name contains this")

var variants = []struct {
	name   string
	change func(*series.Settings)
}{
	{"as it is", func(*series.Settings) {}},
	{"without shape", func(s *series.Settings) { s.NoShape = true }},
	{"without season", func(s *series.Settings) { s.NoSeason = true }},
	{"no refractory period", func(s *series.Settings) { s.Refractory = 0 }},
	{"refractory 100", func(s *series.Settings) { s.Refractory = 100 }},
	{"refractory 300", func(s *series.Settings) { s.Refractory = 300 }},
	{"hardly whitened", func(s *series.Settings) { s.Shrink = 1 }},
	{"shrink 0.1", func(s *series.Settings) { s.Shrink = 0.1 }},
	{"shingle 8", func(s *series.Settings) { s.Shingle = 8 }},
	{"shingle 12", func(s *series.Settings) { s.Shingle = 12 }},
	{"shingle 20", func(s *series.Settings) { s.Shingle = 20 }},
	{"shingle 32", func(s *series.Settings) { s.Shingle = 32 }},
	{"1 neighbour", func(s *series.Settings) { s.Neighbours = 1 }},
	{"10 neighbours", func(s *series.Settings) { s.Neighbours = 10 }},
	{"200 references", func(s *series.Settings) { s.References = 200 }},
	{"every 10th a reference", func(s *series.Settings) { s.Every = 10 }},
	{"gaps ignored", func(s *series.Settings) { s.Gap = 1_000_000 }},
	{"3 days", func(s *series.Settings) { s.Days = 3 }},
	{"14 days", func(s *series.Settings) { s.Days = 14 }},
	{"48 parts of the day", func(s *series.Settings) { s.Bins = 48 }},
	{"288 parts of the day", func(s *series.Settings) { s.Bins = 288 }},
	{"blocks of 25", func(s *series.Settings) { s.Block, s.Blocks, s.MinBlocks = 25, 640, 12 }},
	{"blocks of 100", func(s *series.Settings) { s.Block, s.Blocks, s.MinBlocks = 100, 160, 3 }},
	{"80 blocks", func(s *series.Settings) { s.Blocks = 80 }},
	{"tail of 5", func(s *series.Settings) { s.Top = 5 }},
	{"tail of 15", func(s *series.Settings) { s.Top = 15 }},
	{"tail of 20", func(s *series.Settings) { s.Top = 20 }},
}
