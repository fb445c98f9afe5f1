// Who may do what in the resource group of the boxes: the app keeps them, a group of people logs in to them.
param principalId string
param loginGroupId string

var keeper = loadJsonContent('../role.json')
var loginRoles = {
  // Sign in to a machine as a user without sudo.
  virtualMachineUserLogin: 'fb879df8-f326-4884-b1cf-06f3ad86be52'
  // See the machine, its network interface and the Bastion in the portal, which connecting through it takes.
  reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7'
}

resource keeperRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, keeper.roleName)
  properties: {
    type: 'CustomRole'
    roleName: '${keeper.roleName} (${resourceGroup().name})'
    description: keeper.description
    permissions: [
      {
        actions: keeper.actions
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource keeperAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, keeperRole.id)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: keeperRole.id
  }
}

resource loginAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(loginRoles): {
    name: guid(resourceGroup().id, loginGroupId, role.value)
    properties: {
      principalId: loginGroupId
      principalType: 'Group'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
    }
  }
]
