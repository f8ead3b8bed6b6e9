// Package repository is the EPCIS repository that the REST binding serves: it records
// through the submitter and answers from the read model.
//
// It owns capture jobs: what rollback and proceed mean on a ledger (see Config), how a
// job that was broken off goes on, and which errors it names. It implements Capturer
// and Events of api/rest. It may import api/rest, api/query, api/readmodel,
// api/servicestate, chaincode/ledger, chaincode/wire, gateway/submit and the errors of
// gateway/fabric.
package repository
