package readmodel

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// benchEvents is how many events the large store holds: WAYBILL_BENCH_EVENTS, or few.
func benchEvents() int {
	if n, err := strconv.Atoi(os.Getenv("WAYBILL_BENCH_EVENTS")); err == nil && n > 0 {
		return n
	}
	return 20_000
}

// A generated trade: blocks of 400 events of 8 items each.
const (
	tradeBlock = 400
	tradeItems = 8
)

func tradeEvent(n int) string {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	steps := []string{"commissioning", "packing", "shipping", "shipping", "receiving", "receiving", "storing", "inspecting"}
	dispositions := []string{"active", "in_progress", "in_transit", "in_transit", "in_progress", "sellable_accessible"}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n)*13*time.Second + time.Duration(r.IntN(3600))*time.Second)
	epcs, class := "", r.IntN(2000)
	for i := range tradeItems {
		if i > 0 {
			epcs += ","
		}
		epcs += fmt.Sprintf(`"urn:epc:id:sgtin:9521321.0%05d.%d"`, class, r.IntN(60_000)*tradeItems+i)
	}
	sensor := ""
	if r.IntN(20) == 0 {
		sensor = fmt.Sprintf(`,"sensorElementList":[{"sensorReport":[{"type":"Temperature","value":%d.%d,"uom":"CEL"}]}]`, r.IntN(12), r.IntN(10))
	}
	return fmt.Sprintf(`{"type":"ObjectEvent","eventID":"urn:uuid:%08x-0000-4000-8000-000000000000","eventTime":"%s","eventTimeZoneOffset":"+00:00","epcList":[%s],"action":"OBSERVE","bizStep":"%s","disposition":"%s",`+
		`"readPoint":{"id":"urn:epc:id:sgln:9521321.%05d.0"},"bizLocation":{"id":"urn:epc:id:sgln:9521321.%05d.0"},`+
		`"bizTransactionList":[{"type":"po","bizTransaction":"urn:epcglobal:cbv:bt:9521321000005:%d"}],"sourceList":[{"type":"owning_party","source":"urn:epc:id:pgln:9521321.%05d"}]%s}`,
		n, at.Format(time.RFC3339), epcs, steps[r.IntN(len(steps))], dispositions[r.IntN(len(dispositions))], r.IntN(3000), r.IntN(300), n/5, r.IntN(50), sensor)
}

func tradeOf(tb testing.TB, number uint64) Block {
	b := Block{Number: number, Hash: [32]byte{byte(number), byte(number >> 8), byte(number >> 16), 1}}
	if number > 0 {
		p := number - 1
		b.Previous = [32]byte{byte(p), byte(p >> 8), byte(p >> 16), 1}
	}
	var content wire.Transaction
	for i := range tradeBlock {
		e := recorded(tb, tradeEvent(int(number)*tradeBlock+i))
		content.Events = append(content.Events, e)
		content.Items = append(content.Items, ledger.ItemState{EPC: fmt.Sprintf("https://id.gs1.org/01/09521321000012/21/%d", i%200), Status: ledger.ItemActive, LastEvent: e.Hash})
	}
	b.Transactions = []Recorded{{TxID: fmt.Sprint("tx", number), MSPID: "ProducerMSP", At: noon + ledger.Millis(number)*1000, Transaction: content}}
	return b
}

// filledStore makes a store of n events and reports how long the store took for it.
func filledStore(tb testing.TB, cfg Config, n int) (*Store, time.Duration) {
	tb.Helper()
	s := open(tb, cfg)
	var took time.Duration
	const atOnce = 25 // blocks
	for from := uint64(0); from*tradeBlock < uint64(n); from += atOnce {
		var made []Block
		for i := range uint64(atOnce) {
			made = append(made, tradeOf(tb, from+i))
		}
		began := time.Now()
		if err := s.Apply(tb.Context(), made...); err != nil {
			tb.Fatal(err)
		}
		took += time.Since(began)
	}
	return s, took
}

// BenchmarkCatchUp builds a store from a ledger, as a rebuild does; the blocks are in memory.
func BenchmarkCatchUp(b *testing.B) {
	onEachB(b, func(b *testing.B, k kind) {
		c := newChain(1)
		for n := range uint64(benchEvents() / tradeBlock) {
			c.add(tradeOf(b, n).Transactions...)
		}
		var took time.Duration
		runs := 0
		for b.Loop() {
			b.StopTimer()
			s := k.open(b)
			b.StartTimer()
			began := time.Now()
			if err := s.CatchUp(b.Context(), c, uint64(len(c.all()))); err != nil {
				b.Fatal(err)
			}
			took += time.Since(began)
			runs++
			b.StopTimer()
			s.Close()
			b.StartTimer()
		}
		b.ReportMetric(float64(runs*benchEvents())/took.Seconds(), "events/s")
	})
}

// BenchmarkSelect asks pages of 100 of a large store, each time with another value, and reports the
// 99th percentile over all kinds of questions together and for each.
func BenchmarkSelect(b *testing.B) {
	questions := []struct {
		name string
		text func(r *rand.Rand) string
	}{
		{"step", func(r *rand.Rand) string {
			return `{"EQ_bizStep":["` + []string{"shipping", "receiving", "packing"}[r.IntN(3)] + `"]}`
		}},
		{"location", func(r *rand.Rand) string {
			return fmt.Sprintf(`{"EQ_bizLocation":["urn:epc:id:sgln:9521321.%05d.0"]}`, r.IntN(300))
		}},
		{"item", func(r *rand.Rand) string {
			return fmt.Sprintf(`{"MATCH_epc":["urn:epc:id:sgtin:9521321.0%05d.%d"]}`, r.IntN(2000), r.IntN(500_000))
		}},
		{"class", func(r *rand.Rand) string {
			return fmt.Sprintf(`{"MATCH_anyEPC":["urn:epc:idpat:sgtin:9521321.0%05d.*"]}`, r.IntN(2000))
		}},
		{"company", func(*rand.Rand) string { return `{"MATCH_anyEPC":["urn:epc:idpat:sgtin:9521321.*.*"]}` }},
		{"transaction", func(r *rand.Rand) string {
			return fmt.Sprintf(`{"EQ_bizTransaction_po":["urn:epcglobal:cbv:bt:9521321000005:%d"]}`, r.IntN(4000))
		}},
		{"event id", func(r *rand.Rand) string {
			return fmt.Sprintf(`{"EQ_eventID":["urn:uuid:%08x-0000-4000-8000-000000000000"]}`, r.IntN(20_000))
		}},
		{"day, newest first", func(r *rand.Rand) string {
			day := time.Date(2026, 1, 1+r.IntN(3), 0, 0, 0, 0, time.UTC)
			return fmt.Sprintf(`{"GE_eventTime":"%s","LT_eventTime":"%s","orderBy":"eventTime","orderDirection":"DESC"}`, day.Format(time.RFC3339), day.AddDate(0, 0, 1).Format(time.RFC3339))
		}},
		{"step and place, by time", func(r *rand.Rand) string {
			return fmt.Sprintf(`{"EQ_bizStep":["shipping"],"EQ_readPoint":["urn:epc:id:sgln:9521321.%05d.0"],"orderBy":"eventTime"}`, r.IntN(3000))
		}},
		{"step and disposition, newest", func(*rand.Rand) string {
			return `{"EQ_bizStep":["shipping"],"EQ_disposition":["in_transit"],"orderBy":"eventTime","orderDirection":"DESC"}`
		}},
		{"party and step", func(r *rand.Rand) string {
			return fmt.Sprintf(`{"EQ_source_owning_party":["urn:epc:id:pgln:9521321.%05d"],"EQ_bizStep":["receiving"]}`, r.IntN(50))
		}},
		{"warm", func(r *rand.Rand) string {
			return fmt.Sprintf(`{"EQ_type":["Temperature"],"GE_value_CEL":%d}`, 8+r.IntN(4))
		}},
	}
	onEachB(b, func(b *testing.B, k kind) {
		n := benchEvents()
		s, took := filledStore(b, k.fresh(b), n)
		r := rand.New(rand.NewPCG(2, 2))
		times := map[string][]time.Duration{}
		var all []time.Duration
		for b.Loop() {
			for _, question := range questions {
				q, err := query.ParseJSON([]byte(question.text(r)), nil)
				if err != nil {
					b.Fatal(question.name, err)
				}
				began := time.Now()
				if _, err := s.Select(b.Context(), q, nil, "", 100); err != nil {
					b.Fatal(question.name, err)
				}
				spent := time.Since(began)
				times[question.name], all = append(times[question.name], spent), append(all, spent)
			}
		}
		b.ReportMetric(float64(n)/took.Seconds(), "filled_events/s")
		b.ReportMetric(percentile(all, 99), "p99_ms")
		for _, question := range questions {
			b.Logf("%-30s p50 %6.2f ms  p99 %6.2f ms", question.name, percentile(times[question.name], 50), percentile(times[question.name], 99))
		}
	})
}

func percentile(times []time.Duration, p int) float64 {
	slices.Sort(times)
	return float64(times[(len(times)-1)*p/100].Microseconds()) / 1000
}
