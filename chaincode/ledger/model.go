package ledger

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// ModelRef names a version of a model.
type ModelRef struct {
	ID      string `cbor:"1,keyasint"`
	Version uint32 `cbor:"2,keyasint"`
}

// String gives "id/version".
func (m ModelRef) String() string { return versioned(m.ID, m.Version) }

// ParseModelRef reads "id/version".
func ParseModelRef(s string) (ModelRef, error) {
	id, version, err := parseVersioned("model", s)
	return ModelRef{ID: id, Version: version}, err
}

// ArtefactOf reads the digest out of a model's name as verdicts use it, "id@digest"; ok is false if it holds none, or not
// in lower case: a model has one name.
func ArtefactOf(name string) (id string, artefact Digest, ok bool) {
	id, text, _ := strings.Cut(name, "@")
	artefact, err := ParseDigest(text)
	return id, artefact, err == nil && id != "" && text == artefact.String()
}

// ModelVersion is a version of a model, written once: the artefact and all that is needed to make it again.
type ModelVersion struct {
	ID      string `cbor:"1,keyasint"`
	Version uint32 `cbor:"2,keyasint"` // from 1 without gaps
	// Artefact is the SHA-256 of the artefact, Chunks those of its parts in order, which lie on the ledger.
	Artefact Digest   `cbor:"3,keyasint"`
	Size     uint64   `cbor:"4,keyasint"`
	Chunks   []Digest `cbor:"5,keyasint"`
	Format   string   `cbor:"6,keyasint"` // such as "waybill-model/1"
	// Training are the snapshots that it was fitted to, Features the digest of their features' specification.
	Training   []DatasetRef     `cbor:"7,keyasint"`
	Features   Digest           `cbor:"8,keyasint"`
	Code       TrainingCode     `cbor:"9,keyasint"`
	Parameters []Hyperparameter `cbor:"10,keyasint,omitempty"` // by name ascending
	Seed       uint64           `cbor:"11,keyasint"`
	Thresholds []Metric         `cbor:"12,keyasint,omitempty"` // by name ascending
	// Products are the classes that it is meant for, ascending: https://id.gs1.org/01/<gtin14>, or "*".
	Products    []string  `cbor:"13,keyasint"`
	IntendedUse string    `cbor:"14,keyasint"`
	Limitations string    `cbor:"15,keyasint,omitempty"`
	Licence     string    `cbor:"16,keyasint"`
	Parent      *ModelRef `cbor:"17,keyasint,omitempty"` // that it was made from
	// What follows is set by the contract.
	MSPID string `cbor:"18,keyasint,omitempty"`
	By    string `cbor:"19,keyasint,omitempty"`
	At    Millis `cbor:"20,keyasint,omitempty"`
	TxID  string `cbor:"21,keyasint,omitempty"`
}

// TrainingCode is what made an artefact.
type TrainingCode struct {
	Module   string      `cbor:"1,keyasint"`           // path of the main module
	Revision string      `cbor:"2,keyasint"`           // of its source
	Source   Digest      `cbor:"3,keyasint"`           // over the source
	Sums     []ModuleSum `cbor:"4,keyasint,omitempty"` // of the modules it is built with, by path ascending
	Go       string      `cbor:"5,keyasint"`           // version of the toolchain
	Platform string      `cbor:"6,keyasint,omitempty"` // where it ran, such as "linux/amd64"; no other may give another artefact
	Command  string      `cbor:"7,keyasint,omitempty"`
}

// ModuleSum is a module as go.sum names it.
type ModuleSum struct {
	Path    string `cbor:"1,keyasint"`
	Version string `cbor:"2,keyasint"`
	Sum     string `cbor:"3,keyasint"` // "h1:…"
}

// Hyperparameter is a setting of the training.
type Hyperparameter struct {
	Name  string `cbor:"1,keyasint"`
	Value string `cbor:"2,keyasint"`
}

// Metric is a number about a model.
type Metric struct {
	Name  string `cbor:"1,keyasint"`
	Value int64  `cbor:"2,keyasint"`           // millionths
	Count uint64 `cbor:"3,keyasint,omitempty"` // shipments or readings it rests on
}

// Ref names the version.
func (m ModelVersion) Ref() ModelRef { return ModelRef{ID: m.ID, Version: m.Version} }

// Stated drops what the contract sets.
func (m ModelVersion) Stated() ModelVersion {
	m.MSPID, m.By, m.At, m.TxID = "", "", 0, ""
	return m
}

// Evaluation is an organisation's measurement of a model on a snapshot that it was not fitted to.
type Evaluation struct {
	Model   ModelRef   `cbor:"1,keyasint"`
	Dataset DatasetRef `cbor:"2,keyasint"`
	Metrics []Metric   `cbor:"3,keyasint"` // by name ascending
	Report  Digest     `cbor:"4,keyasint"` // of the full report, zero: none
	// What follows is set by the contract.
	MSPID string `cbor:"5,keyasint,omitempty"`
	By    string `cbor:"6,keyasint,omitempty"`
	At    Millis `cbor:"7,keyasint,omitempty"`
	TxID  string `cbor:"8,keyasint,omitempty"`
}

// EvaluationRef names an evaluation.
type EvaluationRef struct {
	Model   ModelRef `cbor:"1,keyasint"`
	MSPID   string   `cbor:"2,keyasint"`
	Dataset string   `cbor:"3,keyasint"` // "id/version"
}

// Ref names the evaluation.
func (e Evaluation) Ref() EvaluationRef {
	return EvaluationRef{Model: e.Model, MSPID: e.MSPID, Dataset: versioned(e.Dataset.ID, e.Dataset.Version)}
}

// Stated drops what the contract sets.
func (e Evaluation) Stated() Evaluation {
	e.MSPID, e.By, e.At, e.TxID = "", "", 0, ""
	return e
}

// ModelState is where a version is in its life.
type ModelState uint8

// The states.
const (
	ModelDraft      ModelState = 1
	ModelEvaluated  ModelState = 2
	ModelApproved   ModelState = 3
	ModelProduction ModelState = 4
	ModelDeprecated ModelState = 5
	ModelRevoked    ModelState = 6
)

// String names the state in lower case.
func (s ModelState) String() string {
	names := [...]string{"unknown", "draft", "evaluated", "approved", "production", "deprecated", "revoked"}
	if int(s) >= len(names) {
		return names[0]
	}
	return names[s]
}

// Admission says as which version an artefact was approved: verdicts may rest on it. It lies under the artefact, beside the
// ModelStatus of the version, and is written when the version is approved and when it is deprecated, not when it comes
// to serve a class or no longer does: whoever turns an alias holds off no verdict. Versions that were never approved
// have none, so that they take no artefact from anybody.
type Admission struct {
	Artefact   Digest   `cbor:"1,keyasint"`
	Model      ModelRef `cbor:"2,keyasint"`
	Deprecated bool     `cbor:"3,keyasint,omitempty"` // what was begun by it is finished
	MSPID      string   `cbor:"4,keyasint"`           // of the last change
	At         Millis   `cbor:"5,keyasint"`
	TxID       string   `cbor:"6,keyasint"`
}

// ModelOwner is the organisation that a model's versions are from: whose version of it was approved first.
type ModelOwner struct {
	ID    string `cbor:"1,keyasint"`
	MSPID string `cbor:"2,keyasint"`
}

// ModelStatus is how a version stands. Its key takes the endorsement of two organisations, neither of them
// the submitter's, whatever the chaincode's own policy is. A revocation lies under a key of its own and
// counts over it.
type ModelStatus struct {
	Model     ModelRef   `cbor:"1,keyasint"`
	Artefact  Digest     `cbor:"2,keyasint"`
	State     ModelState `cbor:"3,keyasint"`
	Serving   []string   `cbor:"4,keyasint,omitempty"` // product classes whose alias it is, ascending
	Submitter string     `cbor:"5,keyasint"`           // MSP ID
	Approvers []string   `cbor:"6,keyasint,omitempty"` // MSP IDs, ascending
	ChangedBy string     `cbor:"7,keyasint"`           // MSP ID
	ChangedAt Millis     `cbor:"8,keyasint"`
	TxID      string     `cbor:"9,keyasint"` // of the last change
}

// Approval is an organisation's word for a version, on an evaluation that it relied on.
type Approval struct {
	Model      ModelRef      `cbor:"1,keyasint"`
	Evaluation EvaluationRef `cbor:"2,keyasint"`
	MSPID      string        `cbor:"3,keyasint"`
	By         string        `cbor:"4,keyasint"`
	At         Millis        `cbor:"5,keyasint"`
	TxID       string        `cbor:"6,keyasint"`
}

// Revocation takes a version out of use for good.
type Revocation struct {
	Model    ModelRef `cbor:"1,keyasint"`
	Artefact Digest   `cbor:"2,keyasint"`
	Reason   string   `cbor:"3,keyasint"`
	Votes    []string `cbor:"4,keyasint,omitempty"` // MSP IDs where keepers voted; empty: by an organisation that stood behind it
	MSPID    string   `cbor:"5,keyasint"`
	By       string   `cbor:"6,keyasint"`
	At       Millis   `cbor:"7,keyasint"`
	TxID     string   `cbor:"8,keyasint"`
}

// MinServing is how long a version serves a product class before one keeper alone may let another serve it: every
// scorer of the class reads the ledger anew at each change. Sooner it takes a majority of the keepers. It is far beyond
// twice MaxSkew, by which submitters may choose their times.
const MinServing Millis = 24 * 60 * 60 * 1000

// AliasProduction is the only alias: the version that judges a product class.
const AliasProduction = "production"

// Alias is the version that serves a product class.
type Alias struct {
	Class      string     `cbor:"1,keyasint"`
	Generation uint32     `cbor:"2,keyasint"` // from 1; the earlier ones stay readable
	Model      ModelRef   `cbor:"3,keyasint"`
	Artefact   Digest     `cbor:"4,keyasint"`
	Past       []ModelRef `cbor:"5,keyasint,omitempty"` // that a rollback goes back to, the latest last
	Rollback   bool       `cbor:"6,keyasint,omitempty"` // it came by a rollback
	MSPID      string     `cbor:"7,keyasint"`
	By         string     `cbor:"8,keyasint"`
	At         Millis     `cbor:"9,keyasint"`
	TxID       string     `cbor:"10,keyasint"`
}

// ModelPolicy says what a version must reach before it serves. A majority of the keepers of the network's
// rules sets each version. Once there is one, verdicts rest on approved models only.
type ModelPolicy struct {
	Version   uint32 `cbor:"1,keyasint"` // from 1 without gaps
	Approvals uint32 `cbor:"2,keyasint"` // at least MinApprovals
	Gates     []Gate `cbor:"3,keyasint"` // by metric ascending
	// What follows is set by the contract.
	Votes []string `cbor:"4,keyasint,omitempty"`
	At    Millis   `cbor:"5,keyasint,omitempty"`
	TxID  string   `cbor:"6,keyasint,omitempty"`
}

// MinApprovals is how many organisations must approve a version, beside its submitter.
const MinApprovals = 2

// Gate is what an evaluation must show.
type Gate struct {
	Metric  string `cbor:"1,keyasint"`
	AtLeast *int64 `cbor:"2,keyasint,omitempty"` // millionths
	AtMost  *int64 `cbor:"3,keyasint,omitempty"` // millionths
	Count   uint64 `cbor:"4,keyasint,omitempty"` // on at least so many
}

// Stated drops what the contract sets.
func (p ModelPolicy) Stated() ModelPolicy {
	p.Votes, p.At, p.TxID = nil, 0, ""
	return p
}

// Pass holds that an evaluation shows what every gate asks for.
func (p ModelPolicy) Pass(e Evaluation) error {
	for _, g := range p.Gates {
		i, found := slices.BinarySearchFunc(e.Metrics, g.Metric, func(m Metric, name string) int { return strings.Compare(m.Name, name) })
		if !found {
			return refuse(ErrGate, "the evaluation of %s on %s/%d does not say %s", e.Model, e.Dataset.ID, e.Dataset.Version, g.Metric)
		}
		m := e.Metrics[i]
		switch {
		case g.AtLeast != nil && m.Value < *g.AtLeast:
			return refuse(ErrGate, "%s of %s is %d millionths, at least %d are asked for", m.Name, e.Model, m.Value, *g.AtLeast)
		case g.AtMost != nil && m.Value > *g.AtMost:
			return refuse(ErrGate, "%s of %s is %d millionths, at most %d are allowed", m.Name, e.Model, m.Value, *g.AtMost)
		case m.Count < g.Count:
			return refuse(ErrGate, "%s of %s rests on %d, at least %d are asked for", m.Name, e.Model, m.Count, g.Count)
		}
	}
	return nil
}

// CheckModel holds what can be said of a version by itself.
func CheckModel(m ModelVersion) error {
	if err := checkModelRef(m.Ref()); err != nil {
		return err
	}
	switch {
	case m.Artefact.IsZero() || m.Size == 0 || m.Size > MaxArtefactBytes:
		return refuse(ErrSchema, "an artefact of %d bytes; artefacts are of 1 to %d", m.Size, MaxArtefactBytes)
	case len(m.Chunks) == 0 || len(m.Chunks) > MaxArtefactChunks:
		return refuse(ErrSchema, "an artefact in %d chunks; it is in 1 to %d", len(m.Chunks), MaxArtefactChunks)
	case len(m.Training) == 0 || len(m.Training) > MaxModelDatasets:
		return refuse(ErrSchema, "a model is fitted to 1 to %d snapshots", MaxModelDatasets)
	case m.Features.IsZero():
		return refuse(ErrSchema, "the digest of the features is missing")
	case m.IntendedUse == "":
		return refuse(ErrSchema, "the intended use is missing")
	}
	for i, d := range m.Training {
		if err := checkDatasetRef(d); err != nil {
			return err
		}
		if slices.Contains(m.Training[:i], d) {
			return refuse(ErrSchema, "data set %s/%d is named twice", d.ID, d.Version)
		}
	}
	if err := checkTerms("a format and a licence", m.Format, m.Licence); err != nil {
		return err
	}
	if err := checkCode(m.Code); err != nil {
		return err
	}
	if len(m.Parameters) > MaxModelParameters {
		return refuse(ErrTooLarge, "%d parameters, at most %d are allowed", len(m.Parameters), MaxModelParameters)
	}
	for i, p := range m.Parameters {
		if p.Name == "" || len(p.Name) > maxMetricBytes || !printable(p.Name) || len(p.Value) > maxTermBytes || !printable(p.Value) || i > 0 && p.Name <= m.Parameters[i-1].Name {
			return refuse(ErrSchema, "parameters have names of at most %d and values of at most %d printable characters; names ascend, once each", maxMetricBytes, maxTermBytes)
		}
	}
	if err := checkMetrics("thresholds", m.Thresholds); err != nil {
		return err
	}
	if err := checkClasses(m.Products); err != nil {
		return err
	}
	if err := checkProse("an intended use", m.IntendedUse); err != nil {
		return err
	}
	if m.Parent != nil {
		if err := checkModelRef(*m.Parent); err != nil {
			return err
		}
	}
	return checkProse("a limitation", m.Limitations)
}

func checkModelRef(m ModelRef) error {
	if !plainName(m.ID, MaxModelIDBytes) || m.Version == 0 {
		return refuse(ErrSchema, "a model is named by a-z, 0-9, '.', '_' and '-', at most %d bytes, and a version from 1", MaxModelIDBytes)
	}
	return nil
}

func checkDatasetRef(d DatasetRef) error {
	if !plainName(d.ID, MaxModelIDBytes) || d.Version == 0 || d.Root.IsZero() {
		return refuse(ErrSchema, "a snapshot is named by id, version and root")
	}
	return nil
}

func checkCode(c TrainingCode) error {
	if err := checkTerms("the training code's module, revision and version of Go", c.Module, c.Revision, c.Go); err != nil {
		return err
	}
	if c.Source.IsZero() || len(c.Sums) > MaxModelSums || len(c.Platform) > maxTermBytes || !printable(c.Platform) {
		return refuse(ErrSchema, "the training code has a digest of its source and at most %d sums", MaxModelSums)
	}
	for i, s := range c.Sums {
		if s.Path == "" || len(s.Path) > maxTermBytes || len(s.Version) > maxTermBytes || len(s.Sum) > maxTermBytes ||
			!printable(s.Path+s.Version+s.Sum) || !strings.HasPrefix(s.Sum, "h1:") || i > 0 && s.Path <= c.Sums[i-1].Path {
			return refuse(ErrSchema, "sums of modules are as in go.sum, by path ascending, once each")
		}
	}
	return checkProse("a command", c.Command)
}

func checkMetrics(what string, metrics []Metric) error {
	if len(metrics) > MaxModelMetrics {
		return refuse(ErrTooLarge, "%d %s, at most %d are allowed", len(metrics), what, MaxModelMetrics)
	}
	for i, m := range metrics {
		if m.Name == "" || len(m.Name) > maxMetricBytes || !printable(m.Name) || i > 0 && m.Name <= metrics[i-1].Name {
			return refuse(ErrSchema, "%s have names of 1 to %d printable characters, ascending, once each", what, maxMetricBytes)
		}
		if m.Value > MaxContributionsAbs || m.Value < -MaxContributionsAbs || m.Count > maxRootNumber {
			return refuse(ErrSchema, "%s is %d millionths", m.Name, m.Value)
		}
	}
	return nil
}

func checkClasses(classes []string) error {
	if len(classes) == 0 || len(classes) > MaxModelProducts {
		return refuse(ErrSchema, "a model is meant for 1 to %d product classes", MaxModelProducts)
	}
	for i, class := range classes {
		if err := checkClass(class); err != nil {
			return err
		}
		if i > 0 && class <= classes[i-1] {
			return refuse(ErrSchema, "product classes must ascend, once each")
		}
	}
	return nil
}

func checkClass(class string) error {
	if class != AnyProduct && !isGTINClass(class) {
		return refuse(ErrSchema, "product class %.200q is neither %q nor %s and a GTIN of 14 digits with its check digit", class, AnyProduct, classStart)
	}
	return nil
}

// CheckEvaluation holds what can be said of an evaluation by itself.
func CheckEvaluation(e Evaluation) error {
	if err := checkModelRef(e.Model); err != nil {
		return err
	}
	if err := checkDatasetRef(e.Dataset); err != nil {
		return err
	}
	if len(e.Metrics) == 0 {
		return refuse(ErrSchema, "an evaluation without metrics")
	}
	return checkMetrics("metrics", e.Metrics)
}

// CheckChunk holds that a part of an artefact has a bounded size.
func CheckChunk(chunk []byte) error {
	if len(chunk) == 0 || len(chunk) > MaxChunkBytes {
		return refuse(ErrTooLarge, "a chunk of %d bytes; chunks are of 1 to %d", len(chunk), MaxChunkBytes)
	}
	return nil
}

// CutArtefact parts an artefact into chunks and gives their digests.
func CutArtefact(artefact []byte) (chunks [][]byte, digests []Digest, err error) {
	if len(artefact) == 0 || len(artefact) > MaxArtefactBytes {
		return nil, nil, refuse(ErrTooLarge, "an artefact of %d bytes; artefacts are of 1 to %d", len(artefact), MaxArtefactBytes)
	}
	for chunk := range slices.Chunk(artefact, MaxChunkBytes) {
		chunks = append(chunks, chunk)
		digests = append(digests, sha256.Sum256(chunk))
	}
	return chunks, digests, nil
}

// JoinArtefact makes an artefact of its chunks and holds that it is the version's.
func JoinArtefact(m ModelVersion, chunk func(Digest) ([]byte, error)) ([]byte, error) {
	artefact := make([]byte, 0, min(m.Size, MaxArtefactBytes))
	for _, digest := range m.Chunks {
		part, err := chunk(digest)
		if err != nil {
			return nil, err
		}
		if part == nil {
			return nil, refuse(ErrArtefact, "chunk %s of %s is not on the ledger; store it first", digest, m.Ref())
		}
		if len(artefact)+len(part) > MaxArtefactBytes {
			return nil, refuse(ErrTooLarge, "an artefact of more than %d bytes", MaxArtefactBytes)
		}
		artefact = append(artefact, part...)
	}
	if uint64(len(artefact)) != m.Size || sha256.Sum256(artefact) != m.Artefact {
		return nil, refuse(ErrArtefact, "the chunks of %s are %d bytes with digest %x, not %d with %s", m.Ref(), len(artefact), sha256.Sum256(artefact), m.Size, m.Artefact)
	}
	return artefact, nil
}
