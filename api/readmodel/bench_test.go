package readmodel

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	// The items are of so many classes, each with so many serials times tradeItems.
	tradeClasses, tradeSerials = 2000, 60_000
)

// tradeItem is the first item of an event.
func tradeItem(n int) string {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	r.IntN(3600)
	return fmt.Sprintf("urn:epc:id:sgtin:9521321.0%05d.%d", r.IntN(tradeClasses), r.IntN(tradeSerials)*tradeItems)
}

// tradeTime is about when an event happens.
func tradeTime(n int) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * 13 * time.Second)
}

func tradeEvent(n int) string {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	steps := []string{"commissioning", "packing", "shipping", "shipping", "receiving", "receiving", "storing", "inspecting"}
	dispositions := []string{"active", "in_progress", "in_transit", "in_transit", "in_progress", "sellable_accessible"}
	at := tradeTime(n).Add(time.Duration(r.IntN(3600)) * time.Second)
	epcs, class := "", r.IntN(tradeClasses)
	for i := range tradeItems {
		if i > 0 {
			epcs += ","
		}
		epcs += fmt.Sprintf(`"urn:epc:id:sgtin:9521321.0%05d.%d"`, class, r.IntN(tradeSerials)*tradeItems+i)
	}
	sensor := ""
	if r.IntN(20) == 0 {
		sensor = fmt.Sprintf(`,"sensorElementList":[{"sensorReport":[{"type":"Temperature","value":%d.%d,"uom":"CEL"}]}]`, r.IntN(12), r.IntN(10))
	}
	if r.IntN(10) == 0 {
		sensor += fmt.Sprintf(`,"quantityList":[{"epcClass":"urn:epc:class:lgtin:9521321.0%05d.L%d","quantity":%d,"uom":"KGM"}]`, class, r.IntN(100), r.IntN(1000))
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

// filledStore makes a store of n events, or goes on with one that an earlier run has made, and reports how
// long the store took for an event.
func filledStore(tb testing.TB, cfg Config, n int) (s *Store, each time.Duration) {
	tb.Helper()
	s = open(tb, cfg)
	var took time.Duration
	const atOnce = 25 // blocks
	begun, _ := s.Changed()
	made := uint64(0)
	defer func() { each = took / time.Duration(max(1, made*tradeBlock)) }()
	for from := begun; from*tradeBlock < uint64(n); from += atOnce {
		var some []Block
		for i := range uint64(atOnce) {
			some = append(some, tradeOf(tb, from+i))
		}
		began := time.Now()
		if err := s.Apply(tb.Context(), some...); err != nil {
			tb.Fatal(err)
		}
		took += time.Since(began)
		made += atOnce
	}
	return s, 0
}

// kept names the store of n events that WAYBILL_BENCH_STORES keeps from one run to the next: a folder, for
// SQLite, and, by its name, schemas. Without it, a fresh one.
func kept(tb testing.TB, k kind, n int) Config {
	tb.Helper()
	dir := os.Getenv("WAYBILL_BENCH_STORES")
	if dir == "" {
		return k.fresh(tb)
	}
	if k.name == "sqlite" {
		return Config{Path: filepath.Join(dir, fmt.Sprintf("events_%d.db", n))}
	}
	cfg, _ := inSchema(tb, fmt.Sprintf("%s_%d", filepath.Base(dir), n))
	return cfg
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
			if err := s.rebuildTo(b.Context(), c, uint64(len(c.all()))); err != nil {
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
// 99th percentile over all kinds of questions together, and for each with -v. Of every result it reads
// up to four pages.
func BenchmarkSelect(b *testing.B) {
	place := func(n int) string { return fmt.Sprintf("urn:epc:id:sgln:9521321.%05d.0", n) }
	questions := []struct {
		name string
		text func(r *rand.Rand, n int) string // n is an event's number
	}{
		{"all", func(*rand.Rand, int) string { return `{}` }},
		{"step", func(r *rand.Rand, _ int) string {
			return `{"EQ_bizStep":["` + []string{"shipping", "receiving", "packing"}[r.IntN(3)] + `"]}`
		}},
		{"location", func(r *rand.Rand, _ int) string { return `{"EQ_bizLocation":["` + place(r.IntN(300)) + `"]}` }},
		{"item", func(_ *rand.Rand, n int) string { return `{"MATCH_epc":["` + tradeItem(n) + `"]}` }},
		{"no such item", func(r *rand.Rand, _ int) string {
			return fmt.Sprintf(`{"MATCH_epc":["urn:epc:id:sgtin:9521321.0%05d.x%d"]}`, r.IntN(tradeClasses), r.IntN(500_000))
		}},
		{"class", func(r *rand.Rand, _ int) string {
			return fmt.Sprintf(`{"MATCH_anyEPC":["urn:epc:idpat:sgtin:9521321.0%05d.*"]}`, r.IntN(tradeClasses))
		}},
		{"company", func(*rand.Rand, int) string { return `{"MATCH_anyEPC":["urn:epc:idpat:sgtin:9521321.*.*"]}` }},
		{"other company", func(*rand.Rand, int) string { return `{"MATCH_anyEPC":["urn:epc:idpat:sgtin:4012345.*.*"]}` }},
		{"lot", func(r *rand.Rand, _ int) string {
			return fmt.Sprintf(`{"MATCH_anyEPCClass":["urn:epc:class:lgtin:9521321.0%05d.L%d"]}`, r.IntN(tradeClasses), r.IntN(100))
		}},
		{"transaction", func(_ *rand.Rand, n int) string {
			return fmt.Sprintf(`{"EQ_bizTransaction_po":["urn:epcglobal:cbv:bt:9521321000005:%d"]}`, n/5)
		}},
		{"event id", func(_ *rand.Rand, n int) string {
			return fmt.Sprintf(`{"EQ_eventID":["urn:uuid:%08x-0000-4000-8000-000000000000"]}`, n)
		}},
		{"day, newest first", func(_ *rand.Rand, n int) string {
			day := tradeTime(n).Truncate(24 * time.Hour)
			return fmt.Sprintf(`{"GE_eventTime":"%s","LT_eventTime":"%s","orderBy":"eventTime","orderDirection":"DESC"}`, day.Format(time.RFC3339), day.AddDate(0, 0, 1).Format(time.RFC3339))
		}},
		{"minute", func(_ *rand.Rand, n int) string {
			at := tradeTime(n)
			return fmt.Sprintf(`{"GE_eventTime":"%s","LT_eventTime":"%s"}`, at.Format(time.RFC3339), at.Add(time.Minute).Format(time.RFC3339))
		}},
		{"recorded since, by record time", func(_ *rand.Rand, n int) string {
			return fmt.Sprintf(`{"GE_recordTime":"%s","orderBy":"recordTime"}`, (noon + ledger.Millis(n/tradeBlock)*1000).Time().Format(time.RFC3339))
		}},
		{"step and place, by time", func(r *rand.Rand, _ int) string {
			return fmt.Sprintf(`{"EQ_bizStep":["shipping"],"EQ_readPoint":["%s"],"orderBy":"eventTime"}`, place(r.IntN(3000)))
		}},
		{"step and disposition, newest", func(*rand.Rand, int) string {
			return `{"EQ_bizStep":["shipping"],"EQ_disposition":["in_transit"],"orderBy":"eventTime","orderDirection":"DESC"}`
		}},
		{"party and step", func(r *rand.Rand, _ int) string {
			return fmt.Sprintf(`{"EQ_source_owning_party":["urn:epc:id:pgln:9521321.%05d"],"EQ_bizStep":["receiving"]}`, r.IntN(50))
		}},
		{"much of each, nothing of both", func(*rand.Rand, int) string {
			return `{"EQ_bizStep":["shipping","receiving"],"EQ_disposition":["in_transit","active"],"EQ_action":["OBSERVE"],"EQ_value_CEL":[99]}`
		}},
		{"warm", func(r *rand.Rand, _ int) string {
			return fmt.Sprintf(`{"EQ_type":["Temperature"],"GE_value_CEL":%d}`, 8+r.IntN(4))
		}},
		{"quantity within", func(r *rand.Rand, _ int) string {
			low := r.IntN(990)
			return fmt.Sprintf(`{"GE_quantity":%d,"LT_quantity":%d}`, low, low+5)
		}},
		{"sensors there, few counted", func(*rand.Rand, int) string {
			return `{"EXISTS_sensorElementList":true,"orderBy":"eventTime","eventCountLimit":150}`
		}},
		{"counted", func(_ *rand.Rand, n int) string {
			return fmt.Sprintf(`{"EQ_bizTransaction_po":["urn:epcglobal:cbv:bt:9521321000005:%d"],"maxEventCount":50}`, n/5)
		}},
	}
	onEachB(b, func(b *testing.B, k kind) {
		n := benchEvents()
		s, fill := filledStore(b, kept(b, k, n), n)
		r := rand.New(rand.NewPCG(2, 2))
		times := map[string][]time.Duration{}
		found := map[string]int{}
		var all, processor []time.Duration
		for b.Loop() {
			for _, question := range questions {
				q, err := query.ParseJSON([]byte(question.text(r, r.IntN(n))), nil)
				if err != nil {
					b.Fatal(question.name, err)
				}
				cursor := ""
				for range 4 {
					began, used := time.Now(), processorTime(b)
					page, err := s.Select(b.Context(), q, nil, cursor, 100)
					if err != nil {
						b.Fatal(question.name, err)
					}
					spent := time.Since(began)
					processor = append(processor, processorTime(b)-used)
					times[question.name], all = append(times[question.name], spent), append(all, spent)
					found[question.name] += len(page.Entries)
					if cursor = page.Next; cursor == "" {
						break
					}
				}
			}
		}
		if fill > 0 {
			b.ReportMetric(1/fill.Seconds(), "filled_events/s")
		}
		b.ReportMetric(percentile(all, 50), "p50_ms")
		b.ReportMetric(percentile(all, 99), "p99_ms")
		b.ReportMetric(percentile(processor, 99), "p99_cpu_ms")
		for _, question := range questions {
			of := times[question.name]
			b.Logf("%-31s %5d pages with %6.1f events  p50 %6.2f ms  p99 %6.2f ms", question.name, len(of), float64(found[question.name])/float64(len(of)), percentile(of, 50), percentile(of, 99))
		}
	})
}

func percentile(times []time.Duration, p int) float64 {
	slices.Sort(times)
	return float64(times[(len(times)-1)*p/100].Microseconds()) / 1000
}
