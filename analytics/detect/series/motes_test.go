package series

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/testdata"
)

// The published readings of four motes; motes 1 and 4 were exposed to steam once, 2 and 3 never.
func TestTheExposedMotesAlarmAndTheCleanOnesDoNot(t *testing.T) {
	for _, step := range []ledger.Millis{5_000, 60_000, 300_000} {
		t.Run(fmt.Sprint(step), func(t *testing.T) { motes(t, step) })
	}
}

func motes(t *testing.T, step ledger.Millis) {
	in, err := os.Open(filepath.Join(testdata.Dir(t), "motes", "single-hop.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	rows, err := csv.NewReader(in).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	panels := map[string]*Panel{}
	count := map[string]int{}
	began, ended, found := map[string]int{}, map[string]int{}, map[string]int{}
	for _, row := range rows[1:] {
		mote := row[1]
		if panels[mote] == nil {
			if panels[mote], err = NewPanel(Default(), 2); err != nil {
				t.Fatal(err)
			}
		}
		var values [2]float64
		for i := range values {
			if values[i], err = strconv.ParseFloat(row[3+i], 64); err != nil {
				t.Fatal(err)
			}
		}
		count[mote]++
		n := count[mote]
		if row[5] == "1" {
			if began[mote] == 0 {
				began[mote] = n
			}
			ended[mote] = n
		}
		r, err := panels[mote].Observe(step*ledger.Millis(n), values[:])
		if err != nil {
			t.Fatal(err)
		}
		if !r.Alarm {
			continue
		}
		// The label lags the first exposed readings by one or two.
		if began[mote] == 0 || n > ended[mote]+1 {
			t.Errorf("mote %s alarms at reading %d, outside of its event", mote, n)
		} else if found[mote] == 0 {
			found[mote] = n
			t.Logf("mote %s: event from reading %d, alarm at %d, p %.2g, %s", mote, began[mote], n, r.P, r.Reason)
		}
	}
	for mote := range began {
		if found[mote] == 0 {
			t.Errorf("the event of mote %s is not found", mote)
		}
	}
	if len(began) != 2 {
		t.Fatalf("%d motes have events", len(began))
	}
}
