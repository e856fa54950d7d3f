export { biasRefusal, setLayerBias, setLayerWeight } from './setLayerParameters';
