package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/analytics/score"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func (a *app) newModelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "model", Short: "Submit, evaluate, approve and promote models",
		Long: `Submit models with their artefacts, evaluate them, approve those of others, and say which one judges a product class. A version is named
"id/version". Two organisations approve beside the one that submitted; anyone who stands behind a version can take it back at once.`,
		Args: cobra.NoArgs, RunE: groupOnly,
	}
	cmd.AddCommand(a.modelReads()...)
	cmd.AddCommand(a.modelSubmissions()...)
	cmd.AddCommand(a.modelMotions()...)
	cmd.AddCommand(a.newModelMeasureCommand(), a.newModelExportCommand())
	return cmd
}

func (a *app) askModels(cmd *cobra.Command, identity string, question func(context.Context, waybillv1.ModelServiceClient) error) error {
	return a.ask(cmd, identity, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		return question(ctx, waybillv1.NewModelServiceClient(conn))
	})
}

func modelRow(m *waybillv1.StoredModel) []string {
	return []string{
		m.GetModel().GetName(), m.GetStatus().GetState(), strings.Join(m.GetStatus().GetServing(), " "), m.GetModel().GetMspId(),
		strings.Join(m.GetStatus().GetApprovers(), " "), m.GetModel().GetArtefact(), stamp(m.GetModel().GetAt()),
	}
}

func (a *app) modelReads() []*cobra.Command {
	list := &cobra.Command{Use: "list [ID]", Short: "List versions and how they stand", Example: "  waybill model list cold-chain", Args: cobra.MaximumNArgs(1)}
	var lm lister
	lm.flags(list, "versions")
	list.RunE = func(cmd *cobra.Command, args []string) error {
		return a.askModels(cmd, profile.IdentityDashboard, func(ctx context.Context, api waybillv1.ModelServiceClient) error {
			t := a.newTable(cmd, "MODEL", "STATE", "SERVES", "SUBMITTED BY", "APPROVED BY", "ARTEFACT", "AT")
			return listed(a, cmd, lm.limit, t, func(size uint32, token string) (*waybillv1.ListModelsResponse, int, error) {
				r, err := api.ListModels(ctx, &waybillv1.ListModelsRequest{Id: strings.Join(args, ""), PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetModels()), show(a, cmd.OutOrStdout(), t, r.GetModels(), modelRow)
			})
		})
	}
	info := &cobra.Command{
		Use: "show MODEL", Short: "Show a version with its evaluations and approvals", Example: "  waybill model show cold-chain/2 --json", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.askModels(cmd, profile.IdentityDashboard, func(ctx context.Context, api waybillv1.ModelServiceClient) error {
				r, err := api.GetModel(ctx, &waybillv1.GetModelRequest{Name: args[0]})
				if err != nil {
					return err
				}
				if a.json {
					return writeView(cmd.OutOrStdout(), r)
				}
				return printModel(cmd.OutOrStdout(), r)
			})
		},
	}
	artefact := &cobra.Command{
		Use: "artefact MODEL", Short: "Write a version's artefact to a file, held to its digest", Example: "  waybill model artefact cold-chain/2 --output model.json", Args: cobra.ExactArgs(1),
	}
	output := artefact.Flags().StringP("output", "o", "", "file to write; default: standard output")
	artefact.RunE = func(cmd *cobra.Command, args []string) error {
		return a.askModels(cmd, profile.IdentityDashboard, func(ctx context.Context, api waybillv1.ModelServiceClient) error {
			content, err := artefactBytes(ctx, api, args[0])
			if err != nil {
				return err
			}
			if *output == "" {
				_, err = cmd.OutOrStdout().Write(content)
				return err
			}
			return os.WriteFile(*output, content, 0o600)
		})
	}
	aliases := &cobra.Command{Use: "aliases [CLASS]", Short: "List which version judges which product class", Example: "  waybill model aliases --all-generations", Args: cobra.MaximumNArgs(1)}
	all := aliases.Flags().Bool("all-generations", false, "also those that served before")
	var la lister
	la.flags(aliases, "aliases")
	aliases.RunE = func(cmd *cobra.Command, args []string) error {
		return a.askModels(cmd, profile.IdentityDashboard, func(ctx context.Context, api waybillv1.ModelServiceClient) error {
			t := a.newTable(cmd, "CLASS", "GENERATION", "MODEL", "BY", "AT", "HOW")
			return listed(a, cmd, la.limit, t, func(size uint32, token string) (*waybillv1.ListAliasesResponse, int, error) {
				r, err := api.ListAliases(ctx, &waybillv1.ListAliasesRequest{Class: strings.Join(args, ""), AllGenerations: *all, PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetAliases()), show(a, cmd.OutOrStdout(), t, r.GetAliases(), func(m *waybillv1.ModelAlias) []string {
					return []string{m.GetClass(), strconv.FormatUint(uint64(m.GetGeneration()), 10), m.GetModel(), m.GetMspId(), stamp(m.GetAt()), ifTrue(m.GetRollback(), "rollback")}
				})
			})
		})
	}
	datasets := &cobra.Command{Use: "datasets [ID]", Short: "List snapshots of data sets", Example: "  waybill model datasets", Args: cobra.MaximumNArgs(1)}
	var ld lister
	ld.flags(datasets, "snapshots")
	datasets.RunE = func(cmd *cobra.Command, args []string) error {
		return a.askModels(cmd, profile.IdentityDashboard, func(ctx context.Context, api waybillv1.ModelServiceClient) error {
			t := a.newTable(cmd, "DATA SET", "BLOCKS", "EVENTS", "SEGMENTS", "ROOT", "SUBMITTED BY", "QUERY")
			return listed(a, cmd, ld.limit, t, func(size uint32, token string) (*waybillv1.ListDatasetsResponse, int, error) {
				r, err := api.ListDatasets(ctx, &waybillv1.ListDatasetsRequest{Id: strings.Join(args, ""), PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetDatasets()), show(a, cmd.OutOrStdout(), t, r.GetDatasets(), func(d *waybillv1.DatasetSnapshot) []string {
					return []string{
						fmt.Sprintf("%s/%d", d.GetId(), d.GetVersion()), fmt.Sprintf("%d to %d", d.GetFrom(), d.GetTo()-1), strconv.FormatUint(d.GetEvents(), 10),
						strconv.FormatUint(d.GetSegments(), 10), d.GetRoot(), d.GetMspId(), d.GetQuery(),
					}
				})
			})
		})
	}
	return []*cobra.Command{list, info, artefact, aliases, datasets, a.newModelVerdictsCommand()}
}

func printModel(w io.Writer, r *waybillv1.GetModelResponse) error {
	m, s := r.GetModel().GetModel(), r.GetModel().GetStatus()
	var training []string
	for _, d := range m.GetTraining() {
		training = append(training, d.GetName())
	}
	if err := facts(w, "model", m.GetName(), "state", s.GetState(), "revoked", s.GetRevoked(), "serves", strings.Join(s.GetServing(), ", "), "submitted by", m.GetMspId(), "at", stamp(m.GetAt()),
		"artefact", m.GetArtefact(), "format", m.GetFormat(), "fitted to", strings.Join(training, ", "), "code", m.GetCode().GetModule()+" "+m.GetCode().GetRevision(),
		"toolchain", strings.TrimSpace(m.GetCode().GetGo()+" "+m.GetCode().GetPlatform()), "seed", strconv.FormatUint(m.GetSeed(), 10), "parent", m.GetParent(),
		"products", strings.Join(m.GetProducts(), ", "), "intended use", m.GetIntendedUse(), "limitations", m.GetLimitations(), "licence", m.GetLicence()); err != nil {
		return err
	}
	for _, e := range r.GetEvaluations() {
		var metrics []string
		for _, metric := range e.GetMetrics() {
			metrics = append(metrics, fmt.Sprintf("%s %s (%d)", metric.GetName(), strconv.FormatFloat(float64(metric.GetValue())/1e6, 'f', -1, 64), metric.GetCount()))
		}
		if _, err := fmt.Fprintf(w, "evaluated by %s on %s: %s\n", e.GetMspId(), e.GetDataset().GetName(), printable(strings.Join(metrics, ", "))); err != nil {
			return err
		}
	}
	for _, v := range r.GetApprovals() {
		if _, err := fmt.Fprintf(w, "approved by %s (%s) on the evaluation of %s on %s\n", v.GetMspId(), printable(v.GetBy()), v.GetEvaluator(), v.GetDataset()); err != nil {
			return err
		}
	}
	return nil
}

// artefactBytes reads a version's artefact and holds it to the version's digest.
func artefactBytes(ctx context.Context, api waybillv1.ModelServiceClient, name string) ([]byte, error) {
	r, err := api.GetModel(ctx, &waybillv1.GetModelRequest{Name: name})
	if err != nil {
		return nil, err
	}
	stream, err := api.GetArtefact(ctx, &waybillv1.GetArtefactRequest{Name: name})
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if content.Len()+len(part.GetChunk()) > ledger.MaxArtefactBytes {
			return nil, refused("the artefact of %s is larger than the ledger takes", name)
		}
		content.Write(part.GetChunk())
	}
	if sum := sha256.Sum256(content.Bytes()); hex.EncodeToString(sum[:]) != r.GetModel().GetModel().GetArtefact() {
		return nil, refused("what came is %x, the ledger says %s", sum, r.GetModel().GetModel().GetArtefact())
	}
	return content.Bytes(), nil
}

// heldArtefact refuses an artefact that the version's record is not of, or that no server could judge by: a version is written
// once, and with the wrong file it would be spent.
func heldArtefact(m *waybillv1.ModelVersion, file string, content []byte) error {
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	if stated := m.GetArtefact(); stated != "" && stated != digest {
		return fail(exitRefused, "WB_MODEL", "submit the artefact that was written with the record", "%s has the digest %s, the record states %s", file, digest, stated)
	}
	if m.GetFormat() != score.Format {
		return nil
	}
	parsed, err := score.ParseModel(content)
	if err != nil {
		return fail(exitRefused, "WB_MODEL", hintOf("WB_MODEL"), "%s: %w", file, err)
	}
	ref, err := ledger.ParseModelRef(m.GetName())
	if err == nil && parsed.Parameters().ID != ref.ID {
		return fail(exitRefused, "WB_MODEL", "no server judges by an artefact of another name: train it with --id "+ref.ID, "%s calls itself %s, the record %s", file, parsed.Parameters().ID, ref.ID)
	}
	return err
}

func (a *app) modelSubmissions() []*cobra.Command {
	submit := &cobra.Command{
		Use: "submit FILE", Short: "Submit a version with its artefact",
		Long: `Submit the version that a YAML or JSON file states, such as waybill train --snapshot --record writes. Its artefact is put on
the ledger first, in parts. It must be what the record states, if that names an artefact, and bear the version's name.

  name: cold-chain/1
  format: waybill-model/2
  training: [{name: spring/1, root: 5f2b…}]
  features: 77aa…               # digest of the features' specification
  code: {module: github.com/waybill-dev/waybill, revision: v0.1.0, source: 09cd…, go: go1.26.0, platform: linux/amd64}
  parameters: {alpha: "0.01"}
  seed: 7
  products: ["*"]
  intended_use: cold chain of vaccines
  licence: Apache-2.0`,
		Example: "  waybill model submit model.yaml --artefact model.json", Args: cobra.ExactArgs(1),
	}
	artefact := submit.Flags().String("artefact", "", "file of the artefact")
	_ = submit.MarkFlagRequired("artefact") // it fails for a flag that is not there
	submit.RunE = func(cmd *cobra.Command, args []string) error {
		m := &waybillv1.ModelVersion{}
		if err := readStated(args[0], cmd.InOrStdin(), m); err != nil {
			return err
		}
		content, err := os.ReadFile(*artefact)
		if err != nil {
			return fail(exitRefused, codeFile, "", "%w", err)
		}
		chunks, digests, err := ledger.CutArtefact(content)
		if err != nil {
			return usage("%s: %s", *artefact, err)
		}
		if err := heldArtefact(m, *artefact, content); err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		m.Artefact, m.Size, m.Chunks = hex.EncodeToString(sum[:]), uint64(len(content)), nil
		for _, d := range digests {
			m.Chunks = append(m.Chunks, d.String())
		}
		return a.askModels(cmd, profile.IdentityModeller, func(ctx context.Context, api waybillv1.ModelServiceClient) error {
			for _, chunk := range chunks {
				r, err := api.StoreChunks(ctx, &waybillv1.StoreChunksRequest{Chunks: [][]byte{chunk}})
				if err != nil {
					return err
				}
				if err := a.governedResults(cmd, "part", r.GetResults()); err != nil {
					return err
				}
			}
			r, err := api.SubmitModels(ctx, &waybillv1.SubmitModelsRequest{Models: []*waybillv1.ModelVersion{m}})
			if err != nil {
				return err
			}
			return a.governedResults(cmd, m.GetName(), r.GetResults())
		})
	}
	evaluate := &cobra.Command{
		Use: "evaluate FILE", Short: "Submit an evaluation of a version",
		Long: `Submit the evaluation that a YAML or JSON file states. Values are millionths. What a snapshot alone gives, waybill model measure
measures, and audits compare; for other metrics there is the word of the organisation.

  model: cold-chain/1
  dataset: {name: autumn/1, root: 09cd…}      # none that it was fitted to
  metrics: [{name: recall, value: 950000, count: 2000}]`,
		Example: "  waybill model evaluate evaluation.yaml --org carrier", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e := &waybillv1.ModelEvaluation{}
			if err := readStated(args[0], cmd.InOrStdin(), e); err != nil {
				return err
			}
			return a.askModels(cmd, profile.IdentityModeller, func(ctx context.Context, api waybillv1.ModelServiceClient) error {
				r, err := api.EvaluateModels(ctx, &waybillv1.EvaluateModelsRequest{Evaluations: []*waybillv1.ModelEvaluation{e}})
				if err != nil {
					return err
				}
				return a.governedResults(cmd, "evaluation", r.GetResults())
			})
		},
	}
	return []*cobra.Command{submit, evaluate}
}

func (a *app) modelMotions() []*cobra.Command {
	govern := func(cmd *cobra.Command, what string, m *waybillv1.ModelMotion) error {
		return a.askModels(cmd, profile.IdentitySteward, func(ctx context.Context, api waybillv1.ModelServiceClient) error {
			r, err := api.GovernModels(ctx, &waybillv1.GovernModelsRequest{Motions: []*waybillv1.ModelMotion{m}})
			if err != nil {
				return err
			}
			return a.governedResults(cmd, what, r.GetResults())
		})
	}
	policy := &cobra.Command{
		Use: "policy FILE", Short: "Vote for a model policy",
		Long: `Vote for the model policy of a YAML or JSON file. It comes in force once more than half of the keepers of the network's rules have
voted for the same; from then on verdicts rest on approved models only. Values are millionths.

  version: 1
  approvals: 2
  gates: [{metric: recall, at_least: 900000, count: 1000}]

Servers that judge by the model that ships, or by any other that is not approved, write no verdicts from then on: start them with
--model 'production:*' once a version is promoted.`,
		Example: "  waybill model policy policy.yaml --org carrier", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p := &waybillv1.ModelPolicy{}
			if err := readStated(args[0], cmd.InOrStdin(), p); err != nil {
				return err
			}
			return govern(cmd, "policy", &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Policy{Policy: p}})
		},
	}
	approve := &cobra.Command{
		Use: "approve MODEL ORGANISATION DATASET", Short: "Approve a version on an organisation's evaluation on a data set",
		Example: "  waybill model approve cold-chain/2 CarrierMSP autumn/1 --org carrier", Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return govern(cmd, "approval", &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Approve{Approve: &waybillv1.ApproveModel{Model: args[0], Evaluator: args[1], Dataset: args[2]}}})
		},
	}
	promote := &cobra.Command{
		Use: "promote MODEL CLASS", Short: "Let an approved version judge a product class",
		Long: `A keeper's steward promotes a version that the model policy in force lets pass. Within 24 hours after the class last went to another
version it takes a majority of the keepers, who each run this, since every scorer of the class begins anew; not so where that version was revoked. The
same holds for rollback.`, Example: "  waybill model promote cold-chain/2 '*'", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return govern(cmd, "promotion", &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Promote{Promote: &waybillv1.PromoteModel{Model: args[0], Class: args[1]}}})
		},
	}
	rollback := &cobra.Command{
		Use: "rollback CLASS FROM", Short: "Let the version before judge a product class again", Example: "  waybill model rollback '*' cold-chain/2", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return govern(cmd, "rollback", &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Rollback{Rollback: &waybillv1.RollbackModel{Class: args[0], From: args[1]}}})
		},
	}
	deprecate := &cobra.Command{
		Use: "deprecate MODEL", Short: "Take a version that serves nothing out of the choice: it finishes the tasks it is in and begins none", Example: "  waybill model deprecate cold-chain/1", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return govern(cmd, "deprecation", &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Deprecate{Deprecate: args[0]}})
		},
	}
	revoke := &cobra.Command{
		Use: "revoke MODEL", Short: "Take a version out of use for good, at once", Example: "  waybill model revoke cold-chain/2 --reason 'misses slow warming'", Args: cobra.ExactArgs(1),
	}
	reason := revoke.Flags().String("reason", "", "why, on the ledger for good")
	_ = revoke.MarkFlagRequired("reason") // it fails for a flag that is not there
	revoke.RunE = func(cmd *cobra.Command, args []string) error {
		return govern(cmd, "revocation", &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Revoke{Revoke: &waybillv1.RevokeModel{Model: args[0], Reason: *reason}}})
	}
	return []*cobra.Command{policy, approve, promote, rollback, deprecate, revoke}
}
