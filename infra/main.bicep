// The whole deployment: one resource group for the app, one for the boxes, and what the app may do in the second.
targetScope = 'subscription'

@minLength(1)
@maxLength(32)
@description('Names the deployment; becomes part of every name, and a tag of everything the app creates.')
param environmentName string

@description('Region of the app, and of the boxes unless their owners ask for another of `regions`.')
param location string

@description('Regions that boxes may be asked for in; must contain `location`.')
param regions array = [location]

@description('IANA time zone of the office hours and of the days in the bill.')
param timeZone string

@description('Range from which each stack claims its own.')
param addressPool string = '10.64.0.0/16'

@description('Tags that everything the app creates must carry, beside its own.')
param extraTags object = {}

@description('Object id of the Entra group whose members may log in to the boxes.')
param loginGroupId string

@description('Client id of the app registration that people sign in with.')
param signInClientId string

@description('Secret of the Teams outgoing webhook; empty without Teams.')
@secure()
param teamsSecret string = ''

@description('Signs the links in warnings by which people keep a box: 32 random bytes or more, in base64. Empty: no links.')
@secure()
param linkSecret string = ''

@description('Entra object id -> person (sign-in name), for who may ask in Teams.')
param teamsPeople object = {}

@description('Address of the Teams workflow that takes notices; it is a secret. Empty for none.')
@secure()
param notifyUrl string = ''

@description('Person, or @domain -> team, for the bill.')
param teams object = {}

@description('team/<name> or stack/<name> -> { usd, warnAt, stop } a month.')
param budgets object = {}

var suffix = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var boxesGroupName = 'rg-${environmentName}-boxes'

resource appGroup 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}-app'
  location: location
  tags: tags
}

resource boxesGroup 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: boxesGroupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: appGroup
  params: {
    name: 'id-${suffix}'
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: appGroup
  params: {
    name: 'st${suffix}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: appGroup
  params: {
    suffix: suffix
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module boxes 'modules/boxes.bicep' = {
  name: 'boxes'
  scope: boxesGroup
  params: {
    principalId: identity.outputs.principalId
    loginGroupId: loginGroupId
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: appGroup
  params: {
    name: 'func-${suffix}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    deploymentContainerUrl: storage.outputs.deploymentContainerUrl
    insightsConnectionString: monitoring.outputs.connectionString
    signInClientId: signInClientId
    settings: {
      AZURE_SUBSCRIPTION_ID: subscription().subscriptionId
      RESOURCE_GROUP: boxesGroupName
      DEPLOYMENT: environmentName
      LOCATION: location
      REGIONS: join(regions, ',')
      TIME_ZONE: timeZone
      ADDRESS_POOL: addressPool
      EXTRA_TAGS: string(extraTags)
      TEAMS: string(teams)
      BUDGETS: string(budgets)
      TEAMS_TENANT: tenant().tenantId
      TEAMS_PEOPLE: string(teamsPeople)
    }
    secretSettings: {
      TEAMS_SECRET: teamsSecret
      NOTIFY_URL: notifyUrl
      LINK_SECRET: linkSecret
    }
  }
}

output APP_URL string = app.outputs.url
output BOXES_RESOURCE_GROUP string = boxesGroup.name
