export { findSmoothingSites, smoothingFactors, smoothSite, type SmoothingSite } from './smoothLayers';
export {
  equalizeSite,
  equalizingFactors,
  findChannelSites,
  type ChannelSample,
  type ChannelSite,
} from './equalizeChannels';
