package score

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

var concurrent = flag.Int("shipments", 40, "concurrent shipments whose memory is measured")

// TestAShipmentsStateIsBounded holds what a shipment of a logger with temperature and humidity takes.
// Run with -shipments 10000 -v for the whole.
func TestAShipmentsStateIsBounded(t *testing.T) {
	m := model(t)
	for _, readings := range []int{600, 5_000} {
		if readings > 600 && *concurrent > 1_000 {
			continue
		}
		r := rand.New(rand.NewPCG(1, 2))
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		engines := make([]*Engine, *concurrent)
		begun := time.Now()
		for i := range engines {
			e := New(m, pallet, 0)
			_ = e.Observe(feature.Input{Kind: feature.KindPolicy, Policy: policy()})
			for from := 0; from < readings; from += 60 {
				in := feature.Input{Kind: feature.KindReadings, Device: "d", Seq: uint64(from), Segment: hash(byte(from)), Channels: []ledger.Channel{{Quantity: ledger.Temperature}, {Quantity: ledger.RelativeHumidity}}}
				for k := range 60 {
					in.Times = append(in.Times, start+ledger.Millis(from+k)*minute)
					for c := range in.Channels {
						in.Channels[c].Values = append(in.Channels[c].Values, int32(5_000+r.NormFloat64()*300))
					}
				}
				in.At = in.Times[59]
				if err := e.Observe(in); err != nil {
					t.Fatal(err)
				}
			}
			engines[i] = e
		}
		took := time.Since(begun)
		runtime.GC()
		runtime.ReadMemStats(&after)
		held := int(after.HeapAlloc-before.HeapAlloc) / len(engines)
		saved := 0
		begun = time.Now()
		for _, e := range engines {
			data, err := e.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			saved += len(data)
		}
		t.Logf("%d shipments of %d readings, 2 channels: %d B in memory, %d B saved in %s each; %s a reading; %d MiB from the system",
			len(engines), readings, held, saved/len(engines), time.Since(begun)/time.Duration(len(engines)), took/time.Duration(readings*len(engines)), after.Sys>>20)
		if held > 300_000 || saved/len(engines) > 150_000 {
			t.Errorf("%d B held, %d B saved", held, saved/len(engines))
		}
		runtime.KeepAlive(engines)
	}
}
