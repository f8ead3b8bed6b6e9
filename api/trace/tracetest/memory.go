package tracetest

import (
	"context"

	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// Memory is a trace.Source over the standing events of records.
type Memory struct {
	mentions     map[string][]trace.Mention
	clears, runs map[string][]*trace.Event
	lots, items  map[string][]trace.LotMention
}

// NewMemory reads records in the order in which they were recorded.
func NewMemory(records []Record) *Memory {
	m := &Memory{
		mentions: map[string][]trace.Mention{}, clears: map[string][]*trace.Event{}, runs: map[string][]*trace.Event{},
		lots: map[string][]trace.LotMention{}, items: map[string][]trace.LotMention{},
	}
	for _, r := range Standing(records) {
		e, lots := trace.Read(r.Event, r.Hash, r.MSPID)
		roles := map[string]trace.Roles{}
		for _, member := range e.Members {
			roles[member.ID] |= 1 << member.Role
		}
		if e.Parent != "" {
			roles[e.Parent] |= 1 << epcis.RoleParent
		}
		for id, has := range roles {
			m.mentions[id] = append(m.mentions[id], trace.Mention{Event: &e, Roles: has})
		}
		if e.Clears() {
			m.clears[e.Parent] = append(m.clears[e.Parent], &e)
		}
		if e.Run != "" {
			m.runs[e.Run] = append(m.runs[e.Run], &e)
		}
		for _, b := range lots {
			m.lots[b.Lot] = append(m.lots[b.Lot], trace.LotMention{Binding: b, Event: &e})
			m.items[b.Item] = append(m.items[b.Item], trace.LotMention{Binding: b, Event: &e})
		}
	}
	return m
}

// Mentions implements trace.Source.
func (m *Memory) Mentions(context.Context, []string) (map[string][]trace.Mention, []string, error) {
	return m.mentions, nil, nil
}

// Clears implements trace.Source.
func (m *Memory) Clears(context.Context, []string) (map[string][]*trace.Event, []string, error) {
	return m.clears, nil, nil
}

// Runs implements trace.Source.
func (m *Memory) Runs(context.Context, []string) (map[string][]*trace.Event, []string, error) {
	return m.runs, nil, nil
}

// Instances implements trace.Source.
func (m *Memory) Instances(context.Context, []string) (map[string][]trace.LotMention, []string, error) {
	return m.lots, nil, nil
}

// LotsOf implements trace.Source.
func (m *Memory) LotsOf(context.Context, []string) (map[string][]trace.LotMention, []string, error) {
	return m.items, nil, nil
}

// Millis is a time as the ledger has it.
func Millis(hour int) *ledger.Millis {
	at := ledger.MillisOf(Hour(hour))
	return &at
}
