"""Cloud Custodian with one more cloud to choose; runs in its virtual environment, in place of `custodian`.

`python custodian_cloud.py https://localhost:7443 run --region Sandbox ...`: Custodian has a table of four clouds
and no switch for a fifth, so this adds a row, as msrestazure reads it from ARM's /metadata/endpoints. Nothing of
Custodian is changed; everything behind the first argument goes to it as it stands.
"""

import sys

from c7n.cli import main
from c7n_azure.provider import Azure
from msrestazure.azure_cloud import get_cloud_from_metadata_endpoint

cloud = get_cloud_from_metadata_endpoint(sys.argv.pop(1), "Sandbox")
# Sessions want to know it, though nothing is stored there; the metadata of this age does not tell it.
cloud.suffixes.storage_endpoint = "sandbox.invalid"
Azure.region_to_cloud[cloud.name] = cloud
sys.exit(main())
