// Keeps the command that the test harness builds in go.mod when it is tidied. Never compiled itself.

//go:build tools

package tools

import _ "helm.sh/helm/v4/cmd/helm"
