package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

const gs1Context = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

// count is how many events the capture step sends.
const count = 25

func (d *driver) epc(i int) string {
	return fmt.Sprintf("urn:epc:id:sgtin:9521321.000077.%s%d", d.run, i)
}

func (d *driver) place(what string) string { return "https://example.com/" + d.run + "/" + what }

// objectEvent is the i-th event of this run: events lie a minute apart.
func (d *driver) objectEvent(i int, fields map[string]any) map[string]any {
	e := map[string]any{
		"type": "ObjectEvent", "action": "OBSERVE", "bizStep": []string{"shipping", "receiving", "packing"}[i%3], "disposition": "in_transit",
		"eventTime": d.began.Add(time.Duration(i) * time.Minute).Format(time.RFC3339), "eventTimeZoneOffset": "+00:00",
		"epcList": []string{d.epc(i)}, "readPoint": map[string]any{"id": d.place("gate")}, "bizLocation": map[string]any{"id": d.place("hall")},
	}
	maps.Copy(e, fields)
	return e
}

func document(events ...map[string]any) []byte {
	b, err := json.Marshal(map[string]any{
		"@context": gs1Context, "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-03-01T08:00:00Z",
		"epcisBody": map[string]any{"eventList": events},
	})
	if err != nil {
		panic(err) // a map of strings
	}
	return b
}

func pseudoUUID(run string) string {
	sum := sha256.Sum256([]byte(run))
	s := hex.EncodeToString(sum[:16])
	return s[:8] + "-" + s[8:12] + "-4" + s[13:16] + "-a" + s[17:20] + "-" + s[20:]
}
