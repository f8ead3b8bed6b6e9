// Package anchor keeps the organisations' agreement on the proof log: it anchors this organisation's
// root, watches the roots of the others, names those that differ, are late or absent, and gives proofs
// the signatures of a majority.
//
// It may import api/proof, api/readmodel, gateway/submit, chaincode/ledger and chaincode/wire, and
// neither the API's protocol nor Fabric.
package anchor
