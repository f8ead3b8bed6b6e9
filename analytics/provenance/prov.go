package provenance

import (
	"encoding/json"
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// namespace is that of the names in a PROV document that are Waybill's own.
const namespace = "https://github.com/waybill-dev/waybill/ns#"

// prov is a PROV-JSON document (W3C member submission of 24 April 2013): of each kind of statement those
// made, by their identifiers.
type prov map[string]map[string]any

func (p prov) say(kind, id string, attributes map[string]any) {
	if p[kind] == nil {
		p[kind] = map[string]any{}
	}
	p[kind][id] = attributes
}

// relate makes a statement between two things, which needs no name of its own.
func (p prov) relate(kind, id, from, x, to, y string) {
	p.say(kind, "_:"+id, map[string]any{"prov:" + from: x, "prov:" + to: y})
}

func provTime(at ledger.Millis) map[string]any {
	return map[string]any{"$": stamp(at), "type": "xsd:dateTime"}
}

// PROV gives the version's provenance as W3C PROV-JSON: which organisations, snapshots, code and
// decisions it came of. The same dossier gives the same bytes.
func (d *Dossier) PROV() ([]byte, error) {
	m := &d.Model
	p := prov{"prefix": {"wb": namespace}}
	model, training, code := "wb:model/"+m.Ref().String(), "wb:training/"+m.Ref().String(), "wb:code/"+m.Code.Source.String()
	agent := func(msp string) string {
		id := "wb:organisation/" + msp
		p.say("agent", id, map[string]any{"prov:type": "prov:Organization", "prov:label": msp})
		return id
	}
	p.say("entity", model, map[string]any{
		"prov:type": "wb:Model", "prov:label": m.Ref().String(), "wb:artefact": m.Artefact.String(), "wb:format": m.Format, "wb:features": m.Features.String(),
		"wb:state": d.State().String(), "wb:transaction": m.TxID, "prov:generatedAtTime": provTime(m.At),
	})
	p.say("entity", code, map[string]any{
		"prov:type": "wb:TrainingCode", "wb:module": m.Code.Module, "wb:revision": m.Code.Revision, "wb:go": m.Code.Go, "wb:platform": m.Code.Platform,
	})
	settings := map[string]any{"prov:type": "wb:Training", "wb:seed": decimal(m.Seed), "wb:command": m.Code.Command}
	for _, h := range m.Parameters {
		settings["wb:parameter_"+h.Name] = h.Value
	}
	p.say("activity", training, settings)
	p.relate("wasGeneratedBy", "generated", "entity", model, "activity", training)
	p.relate("used", "code", "activity", training, "entity", code)
	p.relate("wasAssociatedWith", "trained", "activity", training, "agent", agent(m.MSPID))
	p.relate("wasAttributedTo", "submitted", "entity", model, "agent", agent(m.MSPID))
	for i, s := range m.Code.Sums {
		id := "wb:module/" + s.Path + "@" + s.Version
		p.say("entity", id, map[string]any{"prov:type": "wb:Module", "wb:sum": s.Sum})
		p.relate("used", fmt.Sprintf("module%d", i), "activity", training, "entity", id)
	}
	for i, s := range d.Datasets {
		id := "wb:dataset/" + datasetName(s.ID, s.Version)
		p.say("entity", id, map[string]any{
			"prov:type": "prov:Collection", "prov:label": datasetName(s.ID, s.Version), "wb:root": s.Root.String(), "wb:events": decimal(s.Events),
			"wb:segments": decimal(s.Segments), "wb:from": decimal(s.From), "wb:to": decimal(s.To), "wb:block": s.Block.String(), "wb:query": s.Query,
			"wb:schema": s.Schema, "wb:licence": s.Licence, "wb:transaction": s.TxID, "prov:generatedAtTime": provTime(s.At),
		})
		p.relate("wasAttributedTo", fmt.Sprintf("frozen%d", i), "entity", id, "agent", agent(s.MSPID))
		if d.fitted(s.ID, s.Version) {
			p.relate("used", fmt.Sprintf("dataset%d", i), "activity", training, "entity", id)
			p.relate("wasDerivedFrom", fmt.Sprintf("dataset%d", i), "generatedEntity", model, "usedEntity", id)
		}
	}
	if m.Parent != nil {
		id := "wb:model/" + m.Parent.String()
		p.say("entity", id, map[string]any{"prov:type": "wb:Model"})
		p.relate("wasDerivedFrom", "parent", "generatedEntity", model, "usedEntity", id)
	}
	d.provDecisions(p, model, agent)
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	return append(text, '\n'), nil
}

// provDecisions states evaluations, approvals and the revocation.
func (d *Dossier) provDecisions(p prov, model string, agent func(string) string) {
	act := func(kind, id, msp string, at ledger.Millis, txID string, attributes map[string]any) string {
		name := "wb:" + id
		attributes["prov:type"], attributes["wb:transaction"] = "wb:"+kind, txID
		attributes["prov:endTime"] = stamp(at)
		p.say("activity", name, attributes)
		p.relate("used", id, "activity", name, "entity", model)
		p.relate("wasAssociatedWith", id, "activity", name, "agent", agent(msp))
		return name
	}
	evaluation := func(msp, dataset string) string {
		return "evaluation/" + d.Model.Ref().String() + "/" + msp + "/" + dataset
	}
	for _, e := range d.Evaluations {
		on := datasetName(e.Dataset.ID, e.Dataset.Version)
		id := evaluation(e.MSPID, on)
		name := act("Evaluation", id, e.MSPID, e.At, e.TxID, map[string]any{"wb:root": e.Dataset.Root.String()})
		data := "wb:dataset/" + on
		if p["entity"][data] == nil {
			p.say("entity", data, map[string]any{"prov:type": "prov:Collection", "wb:root": e.Dataset.Root.String()})
		}
		p.relate("used", id+"/data", "activity", name, "entity", data)
		result := map[string]any{"prov:type": "wb:Measurement"}
		for _, metric := range e.Metrics {
			result["wb:metric_"+metric.Name] = millionths(metric.Value)
		}
		p.say("entity", name+"/result", result)
		p.relate("wasGeneratedBy", id, "entity", name+"/result", "activity", name)
	}
	for _, a := range d.Approvals {
		name := act("Approval", "approval/"+d.Model.Ref().String()+"/"+a.MSPID, a.MSPID, a.At, a.TxID, map[string]any{"wb:by": a.By})
		result := "wb:" + evaluation(a.Evaluation.MSPID, a.Evaluation.Dataset) + "/result"
		if p["entity"][result] == nil {
			p.say("entity", result, map[string]any{"prov:type": "wb:Measurement"})
		}
		p.relate("used", "approval/"+a.MSPID+"/measurement", "activity", name, "entity", result)
	}
	if r := d.Revocation; r != nil {
		name := act("Revocation", "revocation/"+d.Model.Ref().String(), r.MSPID, r.At, r.TxID, map[string]any{"wb:reason": r.Reason})
		p.relate("wasInvalidatedBy", "revoked", "entity", model, "activity", name)
	}
}
