package provenance

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The parts of a CycloneDX 1.6 document that a model needs, by the names of its JSON schema.
type (
	bom struct {
		Schema       string          `json:"$schema"`
		Format       string          `json:"bomFormat"`
		Spec         string          `json:"specVersion"`
		Serial       string          `json:"serialNumber"`
		Version      int             `json:"version"`
		Metadata     bomMetadata     `json:"metadata"`
		Components   []bomComponent  `json:"components,omitempty"`
		Dependencies []bomDependency `json:"dependencies,omitempty"`
		Annotations  []bomAnnotation `json:"annotations,omitempty"`
		Formulation  []bomFormula    `json:"formulation,omitempty"`
	}
	bomMetadata struct {
		Timestamp string       `json:"timestamp"`
		Tools     bomTools     `json:"tools"`
		Component bomComponent `json:"component"`
		Supplier  bomEntity    `json:"supplier"`
	}
	bomTools     struct{ Components []bomComponent } // see MarshalJSON
	bomEntity    struct{ Name string }               // see MarshalJSON
	bomComponent struct {
		Type        string        `json:"type"`
		Ref         string        `json:"bom-ref,omitempty"`
		Supplier    *bomEntity    `json:"supplier,omitempty"`
		Name        string        `json:"name"`
		Version     string        `json:"version,omitempty"`
		Description string        `json:"description,omitempty"`
		Hashes      []bomHash     `json:"hashes,omitempty"`
		Licences    []bomLicence  `json:"licenses,omitempty"`
		PURL        string        `json:"purl,omitempty"`
		Pedigree    *bomPedigree  `json:"pedigree,omitempty"`
		Card        *bomCard      `json:"modelCard,omitempty"`
		Data        []bomData     `json:"data,omitempty"`
		Properties  []bomProperty `json:"properties,omitempty"`
	}
	bomHash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	bomLicence struct {
		Expression string          `json:"expression,omitempty"`
		Licence    *bomLicenceName `json:"license,omitempty"`
	}
	bomLicenceName struct {
		Name string `json:"name"`
		URL  string `json:"url,omitempty"`
	}
	bomPedigree struct {
		Ancestors []bomComponent `json:"ancestors"`
	}
	bomProperty struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	bomRef  struct{ Ref string } // see MarshalJSON
	bomCard struct {
		Parameters     bomParameters `json:"modelParameters"`
		Quantitative   *bomAnalysis  `json:"quantitativeAnalysis,omitempty"`
		Considerations bomConsider   `json:"considerations"`
		Properties     []bomProperty `json:"properties,omitempty"`
	}
	bomParameters struct {
		Approach struct {
			Type string `json:"type"`
		} `json:"approach"`
		Task     string      `json:"task"`
		Family   string      `json:"architectureFamily"`
		Model    string      `json:"modelArchitecture"`
		Datasets []bomRef    `json:"datasets,omitempty"`
		Inputs   []bomFormat `json:"inputs"`
		Outputs  []bomFormat `json:"outputs"`
	}
	bomFormat   struct{ Format string } // see MarshalJSON
	bomAnalysis struct {
		Metrics []bomMetric `json:"performanceMetrics"`
	}
	bomMetric struct {
		Type  string `json:"type"`
		Value string `json:"value"`
		Slice string `json:"slice"`
	}
	bomConsider struct {
		UseCases    []string `json:"useCases,omitempty"`
		Limitations []string `json:"technicalLimitations,omitempty"`
	}
	bomData struct {
		Type        string        `json:"type"`
		Name        string        `json:"name"`
		Contents    bomContents   `json:"contents"`
		Description string        `json:"description,omitempty"`
		Governance  bomGovernance `json:"governance"`
	}
	bomContents struct {
		Properties []bomProperty `json:"properties"`
	}
	bomGovernance struct {
		Owners []bomOwner `json:"owners"`
	}
	bomOwner struct {
		Organization bomEntity `json:"organization"`
	}
	bomDependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
	bomAnnotation struct {
		Ref       string   `json:"bom-ref"`
		Subjects  []string `json:"subjects"`
		Annotator bomOwner `json:"annotator"`
		Timestamp string   `json:"timestamp"`
		Text      string   `json:"text"`
	}
	bomFormula struct {
		Ref       string        `json:"bom-ref"`
		Workflows []bomWorkflow `json:"workflows"`
	}
	bomWorkflow struct {
		Ref         string        `json:"bom-ref"`
		UID         string        `json:"uid"`
		Name        string        `json:"name"`
		Description string        `json:"description,omitempty"`
		Tasks       []string      `json:"taskTypes"`
		Inputs      []bomResource `json:"inputs,omitempty"`
		Outputs     []bomResource `json:"outputs"`
		Properties  []bomProperty `json:"properties,omitempty"`
	}
	bomResource struct {
		Type     string  `json:"type,omitempty"`
		Resource *bomRef `json:"resource"`
	}
)

func single(name string, v any) ([]byte, error) { return json.Marshal(map[string]any{name: v}) }

// MarshalJSON writes the tools as components.
func (t bomTools) MarshalJSON() ([]byte, error) { return single("components", t.Components) }

// MarshalJSON writes an organisation by its name.
func (e bomEntity) MarshalJSON() ([]byte, error) { return single("name", e.Name) }

// MarshalJSON writes a reference to a component.
func (r bomRef) MarshalJSON() ([]byte, error) { return single("ref", r.Ref) }

// MarshalJSON writes a data format.
func (f bomFormat) MarshalJSON() ([]byte, error) { return single("format", f.Format) }

func licences(terms string) []bomLicence {
	switch {
	case terms == "":
		return nil
	case strings.Contains(terms, ":"):
		return []bomLicence{{Licence: &bomLicenceName{Name: terms, URL: terms}}}
	default:
		return []bomLicence{{Expression: terms}}
	}
}

func refOf(kind, name string) string { return kind + ":" + name }

// BOM gives the version as a CycloneDX 1.6 ML-BOM in JSON. The same dossier gives the same bytes.
func (d *Dossier) BOM() ([]byte, error) {
	m := &d.Model
	model := refOf("model", m.Ref().String())
	out := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Serial: serialOf(m.Artefact), Version: 1,
		Metadata: bomMetadata{
			Timestamp: stamp(m.At), Supplier: bomEntity{m.MSPID},
			Tools:     bomTools{[]bomComponent{{Type: "application", Name: m.Code.Module, Version: m.Code.Revision}}},
			Component: d.bomModel(model),
		},
	}
	needs := bomDependency{Ref: model}
	for _, s := range d.Datasets {
		c := bomDataset(s)
		out.Components = append(out.Components, c)
		if d.fitted(s.ID, s.Version) {
			needs.DependsOn = append(needs.DependsOn, c.Ref)
		}
	}
	for _, s := range m.Code.Sums {
		c := bomComponent{
			Type: "library", Ref: refOf("module", s.Path), Name: s.Path, Version: s.Version, PURL: "pkg:golang/" + s.Path + "@" + s.Version,
			Properties: []bomProperty{{"waybill:go.sum", s.Sum}},
		}
		out.Components = append(out.Components, c)
		needs.DependsOn = append(needs.DependsOn, c.Ref)
	}
	out.Dependencies = []bomDependency{needs}
	for _, a := range d.Approvals {
		out.Annotations = append(out.Annotations, bomAnnotation{
			Ref: refOf("approval", a.MSPID), Subjects: []string{model}, Annotator: bomOwner{bomEntity{a.MSPID}}, Timestamp: stamp(a.At),
			Text: fmt.Sprintf("approved by %s on the evaluation of %s on data set %s, transaction %s", a.By, a.Evaluation.MSPID, a.Evaluation.Dataset, a.TxID),
		})
	}
	if r := d.Revocation; r != nil {
		out.Annotations = append(out.Annotations, bomAnnotation{
			Ref: refOf("revocation", m.Ref().String()), Subjects: []string{model}, Annotator: bomOwner{bomEntity{r.MSPID}}, Timestamp: stamp(r.At),
			Text: fmt.Sprintf("revoked by %s: %s, transaction %s", r.By, r.Reason, r.TxID),
		})
	}
	out.Formulation = []bomFormula{d.bomTraining(model)}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	return append(text, '\n'), nil
}

// serialOf makes a document's serial number of a digest: a UUID of version 8, RFC 9562.
func serialOf(digest ledger.Digest) string {
	u := digest[:16]
	u = append([]byte(nil), u...)
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func (d *Dossier) bomModel(ref string) bomComponent {
	m := &d.Model
	c := bomComponent{
		Type: "machine-learning-model", Ref: ref, Supplier: &bomEntity{m.MSPID}, Name: m.ID, Version: decimal(m.Version), Description: m.IntendedUse,
		Hashes: []bomHash{{"SHA-256", m.Artefact.String()}}, Licences: licences(m.Licence), Card: d.bomCard(),
		Properties: []bomProperty{
			{"waybill:format", m.Format},
			{"waybill:size", decimal(m.Size)},
			{"waybill:features", m.Features.String()},
			{"waybill:state", d.State().String()},
			{"waybill:transaction", m.TxID},
		},
	}
	for _, class := range m.Products {
		c.Properties = append(c.Properties, bomProperty{"waybill:product", class})
	}
	for _, a := range d.Aliases {
		c.Properties = append(c.Properties, bomProperty{"waybill:served", fmt.Sprintf("%s as generation %d since %s", a.Class, a.Generation, stamp(a.At))})
	}
	if m.Parent != nil {
		c.Pedigree = &bomPedigree{[]bomComponent{{Type: "machine-learning-model", Name: m.Parent.ID, Version: decimal(m.Parent.Version)}}}
	}
	return c
}

func (d *Dossier) bomCard() *bomCard {
	m := &d.Model
	card := &bomCard{Considerations: bomConsider{UseCases: []string{m.IntendedUse}}}
	if m.Limitations != "" {
		card.Considerations.Limitations = []string{m.Limitations}
	}
	p := &card.Parameters
	p.Approach.Type = "unsupervised"
	p.Task, p.Family, p.Model = "anomaly detection", "conformal anomaly detection", m.Format
	p.Inputs = []bomFormat{{"EPCIS 2.0 events and signed segments of sensor readings"}}
	p.Outputs = []bomFormat{{"verdict of clear, inspect or quarantine with score, p-value, reasons and evidence"}}
	for _, r := range m.Training {
		p.Datasets = append(p.Datasets, bomRef{refOf("dataset", datasetName(r.ID, r.Version))})
	}
	for _, e := range d.Evaluations {
		if card.Quantitative == nil {
			card.Quantitative = &bomAnalysis{}
		}
		for _, metric := range e.Metrics {
			card.Quantitative.Metrics = append(card.Quantitative.Metrics, bomMetric{
				metric.Name, millionths(metric.Value), fmt.Sprintf("data set %s, by %s, on %d", datasetName(e.Dataset.ID, e.Dataset.Version), e.MSPID, metric.Count),
			})
		}
	}
	for _, t := range m.Thresholds {
		card.Properties = append(card.Properties, bomProperty{"waybill:threshold:" + t.Name, millionths(t.Value)})
	}
	return card
}

func bomDataset(s ledger.DatasetSnapshot) bomComponent {
	name := datasetName(s.ID, s.Version)
	properties := []bomProperty{
		{"waybill:root", s.Root.String()},
		{"waybill:events", decimal(s.Events)},
		{"waybill:segments", decimal(s.Segments)},
		{"waybill:bytes", decimal(s.Bytes)},
		{"waybill:blocks", fmt.Sprintf("%d to %d", s.From, s.To-1)},
		{"waybill:last_block", s.Block.String()},
		{"waybill:query", s.Query},
		{"waybill:schema", s.Schema},
		{"waybill:features", s.Features.String()},
		{"waybill:transaction", s.TxID},
	}
	return bomComponent{
		Type: "data", Ref: refOf("dataset", name), Name: s.ID, Version: decimal(s.Version), Description: s.About, Licences: licences(s.Licence),
		Data: []bomData{{
			Type: "dataset", Name: name, Contents: bomContents{properties}, Description: s.About, Governance: bomGovernance{[]bomOwner{{bomEntity{s.MSPID}}}},
		}},
	}
}

func (d *Dossier) bomTraining(model string) bomFormula {
	m := &d.Model
	w := bomWorkflow{
		Ref: refOf("training", m.Ref().String()), UID: m.Artefact.String(), Name: "training", Description: m.Code.Command, Tasks: []string{"build"},
		Outputs: []bomResource{{"artifact", &bomRef{model}}},
		Properties: []bomProperty{
			{"waybill:module", m.Code.Module},
			{"waybill:revision", m.Code.Revision},
			{"waybill:source", m.Code.Source.String()},
			{"waybill:go", m.Code.Go},
			{"waybill:platform", m.Code.Platform},
			{"waybill:seed", decimal(m.Seed)},
		},
	}
	for _, r := range m.Training {
		w.Inputs = append(w.Inputs, bomResource{Resource: &bomRef{refOf("dataset", datasetName(r.ID, r.Version))}})
	}
	for _, p := range m.Parameters {
		w.Properties = append(w.Properties, bomProperty{"waybill:parameter:" + p.Name, p.Value})
	}
	return bomFormula{Ref: refOf("formula", m.Ref().String()), Workflows: []bomWorkflow{w}}
}
