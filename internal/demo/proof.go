package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/stack"
)

// Files of the demo's folder.
const (
	proofFile  = "recall.wbproof"
	forgedFile = "forged.wbproof"
	rootsDir   = "roots"
)

// ProofReport is the proof of an answer's evidence, verified offline, and a forgery of it.
type ProofReport struct {
	// File holds the proof, Roots the organisations' root certificates that it was verified with.
	File  string `json:"file,omitempty"`
	Roots string `json:"roots,omitempty"`
	Bytes int    `json:"bytes"`
	// Facts are the events that it proves, with their bodies.
	Facts int `json:"facts"`
	// Root, Leaves and Height are of the proof log; Signers are the organisations that signed it, of Organisations.
	Root          string   `json:"root,omitempty"`
	Leaves        uint64   `json:"leaves"`
	Height        uint64   `json:"height"`
	Signers       []string `json:"signers"`
	Organisations int      `json:"organisations"`
	// Milliseconds that the verification took, reading the files included.
	Milliseconds float64 `json:"milliseconds"`
	// Forged is the proof with one byte of the inspection changed, well formed otherwise; Refusal is what the
	// verification says to it.
	Forged  string `json:"forged,omitempty"`
	Refusal string `json:"refusal"`
	Code    string `json:"refusal_code"`
	// Why says why the proof does not do; empty if it does.
	Why string `json:"why,omitempty"`
	OK  bool   `json:"ok"`
}

// prove has the evidence of an answer proven, writes the proof and the root certificates into the
// folder, verifies it offline and has a forgery of it refused.
func prove(ctx context.Context, s *stack.Stack, folder string, story *simulate.Recall, g trace.Graph) (ProofReport, error) {
	out := ProofReport{File: filepath.Join(folder, proofFile), Roots: filepath.Join(folder, rootsDir), Forged: filepath.Join(folder, forgedFile)}
	p, err := s.Profile(recaller)
	if err != nil {
		return out, err
	}
	if err = exportRoots(p, out.Roots); err != nil {
		return out, err
	}
	conn, err := s.Dial(recaller, profile.IdentityDashboard)
	if err != nil {
		return out, err
	}
	evidence := evidenceOf(story, g)
	file, err := askProof(ctx, waybillv1.NewProofServiceClient(conn), evidence)
	if err != nil {
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		out.Why = err.Error()
		return out, nil
	}
	if err = publish(out.File, file); err != nil {
		return out, err
	}
	out.Bytes = len(file)
	begun := time.Now()
	verified, err := verifyOffline(out.File, out.Roots)
	out.Milliseconds = float64(time.Since(begun).Microseconds()) / 1000
	if err != nil {
		out.Why = err.Error()
		return out, nil //nolint:nilerr // the report tells it
	}
	out.tell(verified)
	if missing := unproven(evidence, verified); missing > 0 {
		out.Why = fmt.Sprintf("it does not prove %d of %d events", missing, len(evidence))
		return out, nil
	}
	forged, err := forge(file, story.Inspection)
	if err != nil {
		return out, err
	}
	if err = publish(out.Forged, forged); err != nil {
		return out, err
	}
	_, err = verifyOffline(out.Forged, out.Roots)
	if err == nil {
		out.Why = "a forged proof was taken"
		return out, nil
	}
	fault := faultOf(err)
	out.Refusal, out.Code = fault.Message, fault.Code
	out.OK = errors.Is(err, proof.ErrContent)
	if !out.OK {
		out.Why = "a forged proof was refused for another reason"
	}
	return out, nil
}

// askProof asks for one proof of all events until a majority's root covers them.
func askProof(ctx context.Context, api waybillv1.ProofServiceClient, events []ledger.Digest) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	request := &waybillv1.ProveRequest{}
	for _, hash := range events {
		request.Facts = append(request.Facts, &waybillv1.FactRef{Fact: &waybillv1.FactRef_Event{Event: hash.String()}})
	}
	for {
		answer, err := api.Prove(ctx, request)
		if err == nil {
			return answer.GetProof(), nil
		}
		if status.Code(err) != codes.FailedPrecondition || client.Code(err) != "WB_PROOF_NOT_ANCHORED" {
			return nil, fmt.Errorf("asking for the proof: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("asking for the proof: %w", err)
		case <-time.After(answerAgain):
		}
	}
}

// exportRoots writes the root certificates of the organisations that anchor roots, as each would hand
// out its own.
func exportRoots(p *profile.Profile, folder string) error {
	if err := os.RemoveAll(folder); err != nil { // of a network that was cleaned, the roots are others
		return err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	for mspID := range p.Peers {
		var all [][]byte
		for _, file := range p.TrustRoots[mspID] {
			raw, err := os.ReadFile(file) //nolint:gosec // the network made it
			if err != nil {
				return err
			}
			all = append(all, raw)
		}
		if err := publish(filepath.Join(folder, mspID+".pem"), bytes.Join(all, []byte("\n"))); err != nil {
			return err
		}
	}
	return nil
}

func publish(path string, data []byte) error {
	return os.WriteFile(path, data, 0o644) //nolint:gosec // proofs and certificates are for everyone to read
}

// verifyOffline checks a proof with what lies in two places of the disk and nothing else.
func verifyOffline(file, roots string) (proof.Verified, error) {
	entries, err := os.ReadDir(roots)
	if err != nil {
		return proof.Verified{}, err
	}
	certificates := map[string][]byte{}
	for _, e := range entries {
		if certificates[strings.TrimSuffix(e.Name(), ".pem")], err = os.ReadFile(filepath.Join(roots, e.Name())); err != nil { //nolint:gosec // the demo wrote it
			return proof.Verified{}, err
		}
	}
	organisations, err := proof.NewOrganisations(certificates)
	if err != nil {
		return proof.Verified{}, err
	}
	raw, err := os.ReadFile(file) //nolint:gosec // as above
	if err != nil {
		return proof.Verified{}, err
	}
	p, err := proof.Decode(raw)
	if err != nil {
		return proof.Verified{}, err
	}
	return organisations.Verify(p)
}

func (r *ProofReport) tell(v proof.Verified) {
	root := v.Roots[len(v.Roots)-1]
	r.Facts, r.Root, r.Leaves, r.Height, r.Organisations = len(v.Facts), root.Root.Hash.String(), root.Root.Size, root.Root.Height, root.Of
	for _, s := range root.Signers {
		r.Signers = append(r.Signers, s.Organisation)
	}
	slices.Sort(r.Signers)
}

// unproven counts the events that the facts do not prove with their bodies.
func unproven(events []ledger.Digest, v proof.Verified) int {
	wanted := map[string]bool{}
	for _, hash := range events {
		wanted[wire.EventKey(hash)] = true
	}
	for _, f := range v.Facts {
		if f.Content != nil {
			delete(wanted, f.Key)
		}
	}
	return len(wanted)
}

// forge changes one byte of what a proof says that an event said, its time by a minute or some, and
// makes a well-formed proof of that: what a forger would do who knows the format.
func forge(file []byte, event ledger.Digest) ([]byte, error) {
	p, err := proof.Decode(file)
	if err != nil {
		return nil, err
	}
	for i, proven := range p.Leaves {
		leaf, err := proof.ParseLeaf(proven.Leaf)
		if err != nil {
			return nil, err
		}
		if leaf.Key != wire.EventKey(event) || proven.Content == nil {
			continue
		}
		body := bytes.Clone(proven.Content.Body)
		name := []byte(`"eventTime":"`)
		at := bytes.Index(body, name) + len(name) + len("2006-01-02T15:0")
		if at >= len(body) || !bytes.Contains(body, name) {
			break
		}
		body[at] = '0' + (body[at]-'0'+1)%10
		content := *proven.Content
		content.Body = body
		p.Leaves[i].Content = &content
		return p.Encode()
	}
	return nil, fmt.Errorf("%w: the proof does not hold event %s", ErrProtocol, event)
}

func (r *ProofReport) writeText(w io.Writer) error {
	if r.Root == "" {
		_, err := fmt.Fprintf(w, "!!  its proof: %s.\n", r.Why)
		return err
	}
	_, err := fmt.Fprintf(w, "%s  its proof, %s (%d bytes): the %d events it rests on are under a root of %d leaves that %s signed, %d of %d organisations; verified offline in %.1f ms with %s alone.\n",
		mark(r.OK || r.Code != ""), r.File, r.Bytes, r.Facts, r.Leaves, strings.Join(r.Signers, " and "), len(r.Signers), r.Organisations, r.Milliseconds, r.Roots)
	if err == nil && r.Code != "" {
		short, _, _ := strings.Cut(r.Refusal, ":") // the digests that differ are for --json
		_, err = fmt.Fprintf(w, "%s  one byte of the inspection changed, %s: refused, %s: %s.\n", mark(r.OK), r.Forged, r.Code, short)
	}
	if err == nil && r.Why != "" {
		_, err = fmt.Fprintf(w, "!!  %s.\n", r.Why)
	}
	return err
}
