package system

// Folder layout on a host. Everything is root-only.
const (
	StateDir = "/var/lib/provision"
	AgentDir = StateDir + "/agent" // <sha256>: agent binaries, run by their hash
	BlobDir  = StateDir + "/blobs" // <sha256>: verified; <sha256>.part: on its way
	// ReceivedBlobs has the digests of blobs that the receiver verified, until
	// an apply has them in its cache: see RecordReceived.
	ReceivedBlobs = BlobDir + "/received"
	LedgerDir     = StateDir + "/ledger"       // what is owned, fsynced before each change
	LeaseDir      = "/run/provision/leases"    // who works on the host, and since when unheard
	SavedDir      = StateDir + "/saved"        // <sha256>: originals that Restore needs
	HistoryDir    = StateDir + "/history"      // who changed what, and the inventories; see package history
	SnapshotDir   = StateDir + "/snapshots"    // of etcd, on etcd hosts
	SparesFile    = StateDir + "/spares.json"  // what units on trial last worked with
	IdentityDir   = StateDir + "/identity"     // CAs and shared keys, by item name
	DigestCache   = StateDir + "/digests.json" // sha256 by file, see Files.Digest
	RenewalFile   = StateDir + "/renewal.json" // what the host renews by itself
	LabMarker     = "/etc/provision-lab"       // only on lab hosts
)

// Items of a cluster's identity, files in IdentityDir. Every host has the
// public ones that it needs; keys are on masters (etcd's CA key: on etcd hosts).
const (
	ClusterCA     = "cluster.crt"
	ClusterKey    = "cluster.key"
	EtcdCA        = "etcd.crt"
	EtcdKey       = "etcd.key"
	FrontProxyCA  = "front-proxy.crt"
	FrontProxyKey = "front-proxy.key"
	ServiceKey    = "sa.key"
	ServicePub    = "sa.pub"
	Encryption    = "encryption.yaml" // EncryptionConfiguration of the API server
)
