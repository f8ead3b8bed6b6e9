package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/testdata"
)

// TestEndToEndAColdChainIsJudgedFromTheCommandLine goes a shipment's way with nothing but the
// command: policy, logger, packing, readings in two parts, receipt, and the verdict that follows.
// The roles run in processes of their own over one state folder.
func TestEndToEndAColdChainIsJudgedFromTheCommandLine(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	const org = "carrier"
	for _, role := range []string{"readmodel", "scorer", "api"} {
		args := []string{"--role", role}
		if role != "api" {
			args = append(args, "--metrics", "off")
		}
		l.serve(ctx, t, org, args...)
	}
	waybill := func(args ...string) string { return l.must(ctx, t, append(args, "--org", org)...) }

	n := unique()
	begin := time.Now().UTC().Add(-12 * time.Hour).Truncate(time.Second)
	item := fmt.Sprintf("urn:epc:id:sgtin:9521321.000077.journey%d", n)
	pallet := fmt.Sprintf("urn:epc:id:sscc:9521321.%010d", 500+n)
	logger := fmt.Sprintf("urn:epc:id:giai:9521321.journey%d", n)
	class, err := epcis.CanonicalEPC("urn:epc:idpat:sgtin:9521321.000077.*")
	if err != nil {
		t.Fatal(err)
	}
	shipment, err := epcis.CanonicalEPC(pallet)
	if err != nil {
		t.Fatal(err)
	}
	event := func(at time.Duration, kind, rest string) string {
		return fmt.Sprintf(`{"type":%q,"eventTime":%q,"eventTimeZoneOffset":"+00:00",%s}`, kind, begin.Add(at).Format(time.RFC3339), rest)
	}
	before := document(
		event(0, "ObjectEvent", fmt.Sprintf(`"action":"ADD","bizStep":"commissioning","epcList":[%q]`, item)),
		event(time.Minute, "AggregationEvent", fmt.Sprintf(`"action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[%q]`, pallet, item)),
		event(2*time.Minute, "AssociationEvent", fmt.Sprintf(`"action":"ADD","bizStep":"installing","parentID":%q,"childEPCs":[%q]`, pallet, logger)),
		event(3*time.Minute, "ObjectEvent", fmt.Sprintf(`"action":"OBSERVE","bizStep":"shipping","disposition":"in_transit","epcList":[%q]`, pallet)),
	)
	after := document(event(11*time.Hour, "ObjectEvent", fmt.Sprintf(`"action":"OBSERVE","bizStep":"receiving","epcList":[%q]`, pallet)))

	policy := fmt.Sprintf("policies:\n  - id: journey-%d\n    products: [%q]\n    low: 2\n    high: 8\n    excursion_low: 0\n    excursion_high: 15\n    excursion_for: 2h\n    grace: 10m\n", n, class)
	waybill("policies", "set", writeFile(t, "policy.yaml", []byte(policy)))
	key := filepath.Join(t.TempDir(), "logger.pem")
	waybill("device", "register", logger, "--key", key)
	if out := waybill("device", "register", logger, "--key", key); !strings.Contains(out, "duplicate") {
		t.Errorf("registered again: %s", out)
	}
	waybill("capture", writeFile(t, "before.json", before))

	// Ten hours, a reading a minute; the refrigeration fails after five.
	var csv bytes.Buffer
	csv.WriteString("timestamp,Temperature (C),door\n")
	for minute := range 600 {
		celsius := 5.0
		if minute >= 300 {
			celsius = min(25, 5+float64(minute-300)*0.2)
		}
		fmt.Fprintf(&csv, "%s,%.2f,closed\n", begin.Add(time.Duration(4+minute)*time.Minute).Format("2006-01-02 15:04:05"), celsius)
	}
	half := bytes.Index(csv.Bytes(), []byte(begin.Add(304*time.Minute).Format("2006-01-02 15:04:05")))
	push := func(content []byte) string {
		return waybill("readings", "push", writeFile(t, "day.csv", content), "--device", logger, "--key", key, "--segment", "60")
	}
	if out := push(csv.Bytes()[:half]); !strings.HasPrefix(out, "300 readings") || !strings.Contains(out, "5 recorded, 0 duplicate, 0 refused") {
		t.Errorf("the first half: %s", out)
	}
	if out := push(csv.Bytes()); !strings.HasPrefix(out, "300 readings") || !strings.Contains(out, "5 recorded, 0 duplicate, 0 refused") {
		t.Errorf("the whole file after its first half: %s", out)
	}
	waybill("capture", writeFile(t, "after.json", after))

	type verdict struct {
		Shipment, Level, Policy string
		Final                   bool
		Reasons                 []struct{ Code string }
		TransactionID           string `json:"transaction_id"`
	}
	var last verdict
	until(ctx, t, "the final verdict is recorded", func() error {
		for line := range strings.Lines(waybill("verdicts", "list", "--shipment", pallet, "--json", "--limit", "0")) {
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Fatal(err)
			}
		}
		if !last.Final {
			return fmt.Errorf("the last so far is %+v", last)
		}
		return nil
	})
	if last.Shipment != shipment || last.Level != "quarantine" || len(last.Reasons) == 0 || last.TransactionID == "" || last.Policy != fmt.Sprintf("journey-%d/1", n) {
		t.Errorf("the final verdict is %+v", last)
	}
	if out := waybill("verdicts", "watch", "--shipment", pallet, "--final", "--count", "1"); !strings.HasPrefix(out, "quarantine") {
		t.Errorf("watched: %s", out)
	}
	if out := waybill("shipments", "list", "--limit", "0", "--at-least", "quarantine"); !strings.Contains(out, shipment) {
		t.Errorf("the shipment is not listed:\n%s", out)
	}
	if out := waybill("item", item); !strings.Contains(out, shipment) {
		t.Errorf("the item is not in its pallet:\n%s", out)
	}
	hash := hashOf(t, event(0, "ObjectEvent", fmt.Sprintf(`"action":"ADD","bizStep":"commissioning","epcList":[%q]`, item)))
	if out := waybill("event", "--body", hash.String()); !strings.Contains(out, item) {
		t.Errorf("the event's body: %s", out)
	}
	if out := waybill("readings", "list", logger, "--quantity", "temperature"); strings.Count(out, "\n") != 601 {
		t.Errorf("%d lines of readings, want 601", strings.Count(out, "\n"))
	}
	t.Run("real readings", func(t *testing.T) { l.realReadings(ctx, t, org) })
}

// realReadings pushes a file that nobody in this project wrote.
func (l *lab) realReadings(ctx context.Context, t *testing.T, org string) {
	t.Helper()
	file := filepath.Join(testdata.Dir(t), "nab", "data", "realKnownCause", "ambient_temperature_system_failure.csv")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows := bytes.Count(bytes.TrimSpace(raw), []byte("\n"))
	logger := fmt.Sprintf("urn:epc:id:giai:9521321.office%d", unique())
	key := filepath.Join(t.TempDir(), "office.pem")
	l.must(ctx, t, "device", "register", logger, "--key", key, "--org", org)
	out := l.must(ctx, t, "readings", "push", file, "--device", logger, "--key", key, "--unit", "fahrenheit", "--org", org)
	if !strings.HasPrefix(out, fmt.Sprintf("%d readings", rows)) || !strings.Contains(out, " 0 refused") {
		t.Errorf("%d rows pushed: %s", rows, out)
	}
}
