package server

import (
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// kind says how a method is bounded.
type kind int

const (
	asks    kind = iota // a question, answered within Limits.ReadTime
	answers             // a question whose answer comes in parts, within Limits.ReadTime
	writes              // a call that writes, answered within Limits.WriteTime
	pushes              // a stream that writes
	watches             // a stream that watches
	reports             // a stream that ends by itself, within Limits.ReportTime
)

// rule is who may call a method and how it is bounded.
type rule struct {
	kind kind
	// roles: the caller needs one of them; empty for every holder of an accepted certificate.
	roles []ledger.Role
}

// rules has an entry for every method that the server offers; a method without one is refused.
func rules() map[string]rule {
	readers := Readers()
	record := []ledger.Role{ledger.RoleRecorder}
	push := []ledger.Role{ledger.RoleGateway}
	register := []ledger.Role{ledger.RoleRegistrar}
	hold := []ledger.Role{ledger.RoleHolder}
	model := []ledger.Role{ledger.RoleModeller}
	steward := []ledger.Role{ledger.RoleSteward}
	return map[string]rule{
		waybillv1.CaptureService_CaptureEvents_FullMethodName: {writes, record},
		waybillv1.CaptureService_StreamEvents_FullMethodName:  {pushes, record},
		waybillv1.CaptureService_GetEvent_FullMethodName:      {asks, readers},
		waybillv1.CaptureService_ListEvents_FullMethodName:    {asks, readers},
		waybillv1.CaptureService_WatchEvents_FullMethodName:   {watches, readers},
		waybillv1.CaptureService_GetItem_FullMethodName:       {asks, readers},

		waybillv1.TelemetryService_RegisterDevices_FullMethodName: {writes, register},
		waybillv1.TelemetryService_PushSegments_FullMethodName:    {pushes, push},
		waybillv1.TelemetryService_GetDevice_FullMethodName:       {asks, readers},
		waybillv1.TelemetryService_ListDevices_FullMethodName:     {asks, readers},
		waybillv1.TelemetryService_GetSegment_FullMethodName:      {asks, readers},
		waybillv1.TelemetryService_ListReadings_FullMethodName:    {asks, readers},

		waybillv1.VerdictService_ListVerdicts_FullMethodName:  {asks, readers},
		waybillv1.VerdictService_WatchVerdicts_FullMethodName: {watches, readers},
		waybillv1.VerdictService_GetVerdict_FullMethodName:    {asks, readers},
		waybillv1.VerdictService_GetShipment_FullMethodName:   {asks, readers},
		waybillv1.VerdictService_ListShipments_FullMethodName: {asks, readers},

		waybillv1.ProofService_Prove_FullMethodName:            {asks, readers},
		waybillv1.ProofService_ProveConsistency_FullMethodName: {asks, readers},
		waybillv1.ProofService_ListRoots_FullMethodName:        {asks, readers},

		waybillv1.TraceService_Trace_FullMethodName:  {answers, readers},
		waybillv1.TraceService_Recall_FullMethodName: {answers, readers},
		waybillv1.TraceService_Locate_FullMethodName: {asks, readers},

		waybillv1.PolicyService_SetPolicies_FullMethodName:  {writes, register},
		waybillv1.PolicyService_ListPolicies_FullMethodName: {asks, readers},

		waybillv1.FindingService_ListFindings_FullMethodName:   {asks, readers},
		waybillv1.FindingService_GetFinding_FullMethodName:     {asks, readers},
		waybillv1.FindingService_ReviewFindings_FullMethodName: {writes, record},

		waybillv1.MasterDataService_RegisterMasterData_FullMethodName: {writes, register},
		waybillv1.MasterDataService_ListMasterData_FullMethodName:     {asks, readers},

		waybillv1.CreditService_Transact_FullMethodName:           {writes, hold},
		waybillv1.CreditService_GovernCredits_FullMethodName:      {writes, steward},
		waybillv1.CreditService_GetCreditAccount_FullMethodName:   {asks, readers},
		waybillv1.CreditService_ListCreditAccounts_FullMethodName: {asks, readers},
		waybillv1.CreditService_ListNotes_FullMethodName:          {asks, readers},
		waybillv1.CreditService_ListReceipts_FullMethodName:       {asks, readers},
		waybillv1.CreditService_GetCreditSums_FullMethodName:      {asks, readers},

		waybillv1.ModelService_StoreChunks_FullMethodName:       {writes, model},
		waybillv1.ModelService_SnapshotDatasets_FullMethodName:  {writes, model},
		waybillv1.ModelService_SubmitModels_FullMethodName:      {writes, model},
		waybillv1.ModelService_EvaluateModels_FullMethodName:    {writes, model},
		waybillv1.ModelService_GovernModels_FullMethodName:      {writes, steward},
		waybillv1.ModelService_ListDatasets_FullMethodName:      {asks, readers},
		waybillv1.ModelService_ListModels_FullMethodName:        {asks, readers},
		waybillv1.ModelService_GetModel_FullMethodName:          {asks, readers},
		waybillv1.ModelService_GetArtefact_FullMethodName:       {answers, readers},
		waybillv1.ModelService_ListAliases_FullMethodName:       {asks, readers},
		waybillv1.ModelService_ListModelVerdicts_FullMethodName: {asks, readers},
		waybillv1.ModelService_GetModelPolicy_FullMethodName:    {asks, readers},

		waybillv1.ScoringService_ListTasks_FullMethodName:          {asks, readers},
		waybillv1.ScoringService_GetTask_FullMethodName:            {asks, readers},
		waybillv1.ScoringService_WatchTasks_FullMethodName:         {watches, readers},
		waybillv1.ScoringService_ListScorers_FullMethodName:        {asks, readers},
		waybillv1.ScoringService_GetScorer_FullMethodName:          {asks, readers},
		waybillv1.ScoringService_ListFinals_FullMethodName:         {asks, readers},
		waybillv1.ScoringService_GetFinal_FullMethodName:           {asks, readers},
		waybillv1.ScoringService_ListScoringEntries_FullMethodName: {asks, readers},
		waybillv1.ScoringService_GetScoringPolicy_FullMethodName:   {asks, readers},

		waybillv1.AdminService_GetStatus_FullMethodName: {asks, readers},

		waybillv1.ReportService_DownloadReport_FullMethodName: {reports, readers},
		waybillv1.ReportService_VerifyProduct_FullMethodName:  {asks, readers},

		"/grpc.health.v1.Health/Check": {kind: asks},
		"/grpc.health.v1.Health/List":  {kind: asks},
		"/grpc.health.v1.Health/Watch": {kind: watches},

		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      {kind: watches},
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": {kind: watches},
	}
}

func (r rule) allows(c caller) error {
	if len(r.roles) == 0 || slices.ContainsFunc(r.roles, func(role ledger.Role) bool { return slices.Contains(c.roles, role) }) {
		return nil
	}
	return refuse(codes.PermissionDenied, codeUnauthorised, "this needs the role %s; the certificate of %s has %s", words(r.roles, " or "), c.subject, words(c.roles, ", "))
}

func words(roles []ledger.Role, separator string) string {
	if len(roles) == 0 {
		return "none"
	}
	texts := make([]string, len(roles))
	for i, r := range roles {
		texts[i] = string(r)
	}
	return strings.Join(texts, separator)
}
